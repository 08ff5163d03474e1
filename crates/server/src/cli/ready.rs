use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::output;
use crate::config::Settings;

pub(super) const EXAMPLES: &str = "\
Examples:
  pbx-login-server ready
  docker exec CONTAINER /pbx-login-server ready

The command requests /readyz from ops.listen. It is a health check for containers, because their image has no other HTTP client.";

/// Longer than a readiness probe takes.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Longer than any response of `/readyz`.
const MAX_RESPONSE_BYTES: u64 = 64 * 1024;

pub(super) fn run(settings: &Settings) -> Result<()> {
    let Some(address) = settings.ops_listen.0 else {
        bail!("ops.listen is off; set it to an address");
    };
    let address = reachable(address);
    let response = request(address).with_context(|| {
        format!("no response from {address}; check that the server runs with the same ops.listen")
    })?;
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or((&response, ""));
    match head.split(' ').nth(1) {
        Some("200") => Ok(output::line("ready")?),
        _ => {
            let body = body.trim();
            let reason = body.strip_prefix("not ready: ").unwrap_or(body);
            bail!("the server is not ready: {reason}")
        }
    }
}

/// Returns the loopback address, if the server listens on all addresses.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn request(address: SocketAddr) -> std::io::Result<String> {
    let mut connection = TcpStream::connect_timeout(&address, TIMEOUT)?;
    connection.set_read_timeout(Some(TIMEOUT))?;
    connection.set_write_timeout(Some(TIMEOUT))?;
    // HTTP/1.0: the end of the response is the end of the connection.
    write!(
        connection,
        "GET /readyz HTTP/1.0\r\nHost: {address}\r\n\r\n"
    )?;
    let mut response = String::new();
    connection
        .take(MAX_RESPONSE_BYTES)
        .read_to_string(&mut response)?;
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_on_all_addresses_is_probed_on_loopback() {
        for (listen, expected) in [
            ("0.0.0.0:8888", "127.0.0.1:8888"),
            ("[::]:8888", "[::1]:8888"),
            ("10.0.0.5:1", "10.0.0.5:1"),
        ] {
            let address = reachable(listen.parse().unwrap());
            assert_eq!(address, expected.parse().unwrap());
        }
    }
}
