//! Checks that other paths, and other methods of listed paths, are refused.

use std::collections::BTreeMap;

use crate::drive::Drive;
use crate::drive::exchange::Request;
use crate::drive::response_check::Routing;

use super::parameters::filled;

const NOWHERE: &str = "/verify-lists-no-such-path";

/// The methods to try on each path (RFC 9110, section 9; RFC 5789).
///
/// CONNECT and TRACE are not methods of a resource.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];

pub(crate) fn run(drive: &mut Drive) {
    let mut paths: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for operation in drive.contract().operations() {
        paths
            .entry(operation.path)
            .or_default()
            .push(operation.method);
    }

    for method in ["GET", "POST"] {
        drive.begin_scenario(format!("{method} {NOWHERE}"));
        let _ = drive.unlisted(&Request::new(method, NOWHERE), None);
    }
    for (path, mut listed) in paths {
        // Paths that a lenient router might accept.
        let mut alike = vec![path.to_ascii_uppercase()];
        if drive.routing() == Routing::Strict {
            alike.extend([format!("{path}/"), format!("/{path}")]);
        }
        for like in alike {
            if like != path {
                let method = &listed[0];
                drive.begin_scenario(format!("{method} {like}"));
                let _ = drive.unlisted(&Request::new(method, &filled(&like)), None);
            }
        }
        listed.sort();
        for method in METHODS {
            if !listed.iter().any(|listed| listed == method) {
                drive.begin_scenario(format!("{method} {path}"));
                let _ = drive.unlisted(&Request::new(method, &filled(&path)), Some(&listed));
            }
        }
    }
}
