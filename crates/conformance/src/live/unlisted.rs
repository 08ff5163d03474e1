//! Checks that other paths, and other methods of listed paths, are refused.

use std::collections::BTreeMap;

use crate::drive::Drive;
use crate::drive::exchange::Request;
use crate::drive::response_check::Routing;

use super::parameters::fill_path;

const UNLISTED_PATH: &str = "/verify-lists-no-such-path";

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
        drive.begin_scenario(format!("{method} {UNLISTED_PATH}"));
        let _ = drive.unlisted(&Request::new(method, UNLISTED_PATH), None);
    }
    for (path, mut listed) in paths {
        // A lenient router might accept these paths.
        let mut similar_paths = vec![path.to_ascii_uppercase()];
        if drive.routing() == Routing::Strict {
            similar_paths.extend([format!("{path}/"), format!("/{path}")]);
        }
        for similar in similar_paths {
            if similar != path {
                let method = &listed[0];
                drive.begin_scenario(format!("{method} {similar}"));
                let _ = drive.unlisted(&Request::new(method, &fill_path(&similar)), None);
            }
        }
        listed.sort();
        for method in METHODS {
            if !listed.iter().any(|listed| listed == method) {
                drive.begin_scenario(format!("{method} {path}"));
                let _ = drive.unlisted(&Request::new(method, &fill_path(&path)), Some(&listed));
            }
        }
    }
}
