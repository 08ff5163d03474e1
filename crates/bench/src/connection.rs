//! A keep-alive connection and its requests.
//!
//! Handwritten, because the load must cost little: responses are parsed only for status and length. A longer head must
//! not cost the load generator time, because this would count against the server that sends it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

use memchr::memmem;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::fill;

/// A request; writing another one replaces it.
#[derive(Debug, Default)]
pub(crate) struct Request(Vec<u8>);

impl Request {
    /// Writes a request with the token of a session, such as `GET /login`.
    pub(crate) fn write_session(&mut self, operation: &str, session: u64) {
        self.0.clear();
        for part in [
            operation,
            " HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer ",
            &fill::token(session),
            "\r\n\r\n",
        ] {
            self.0.extend_from_slice(part.as_bytes());
        }
    }

    /// Writes a login, which a proxy forwards if there is a client's address.
    pub(crate) fn write_login(&mut self, username: &str, password: &str, client: Option<Ipv4Addr>) {
        let domain = fill::DOMAIN;
        let body =
            format!(r#"{{"username":"{username}","domain":"{domain}","password":"{password}"}}"#);
        let length = body.len();
        let forwarded = match client {
            Some(client) => format!("X-Forwarded-For: {client}\r\nX-Forwarded-Proto: https\r\n"),
            None => String::new(),
        };
        let request = format!(
            "POST /login HTTP/1.1\r\nHost: bench\r\n{forwarded}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.0.clear();
        self.0.extend_from_slice(request.as_bytes());
    }
}

#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    response: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(server: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            response: Vec::with_capacity(4096),
        })
    }

    /// Sends a request; returns the status of the response once all of it has arrived.
    pub(crate) async fn send(&mut self, request: &Request) -> io::Result<u16> {
        self.stream.write_all(&request.0).await?;
        self.response.clear();
        loop {
            if self.stream.read_buf(&mut self.response).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some((status, length)) = parse_head(&self.response)?
                && self.response.len() >= length
            {
                return Ok(status);
            }
        }
    }

    /// Sends a request; fails if the response has another status.
    pub(crate) async fn expect(&mut self, request: &Request, status: u16) -> io::Result<()> {
        match self.send(request).await? == status {
            true => Ok(()),
            false => Err(self.unexpected_response()),
        }
    }

    /// Returns an error with the last response.
    pub(crate) fn unexpected_response(&self) -> io::Error {
        let text = String::from_utf8_lossy(&self.response);
        io::Error::other(format!("unexpected response: {text}"))
    }
}

/// Returns the status and the length of a response, once its head is complete.
fn parse_head(response: &[u8]) -> io::Result<Option<(u16, usize)>> {
    const END: &[u8] = b"\r\n\r\n";
    // hyper, which all servers here use, sends names in lower case.
    const LENGTH: &[u8] = b"\r\ncontent-length: ";
    const NO_CONTENT: u16 = 204;
    let Some(end) = memmem::find(response, END) else {
        return Ok(None);
    };
    let head = &response[..end];
    let status = head.get(9..12).and_then(parse_number::<u16>);
    let body = memmem::find(head, LENGTH).and_then(|start| {
        let value = &head[start + LENGTH.len()..];
        parse_number::<usize>(value.split(|byte| *byte == b'\r').next()?)
    });
    match (status, body) {
        (Some(NO_CONTENT), None) => Ok(Some((NO_CONTENT, end + END.len()))),
        (Some(status), Some(body)) => Ok(Some((status, end + END.len() + body))),
        _ => Err(io::Error::other(format!(
            "response without a length: {}",
            String::from_utf8_lossy(head)
        ))),
    }
}

fn parse_number<T: FromStr>(digits: &[u8]) -> Option<T> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn response_length_is_read_from_its_head() {
        let response = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 3\r\n\r\nabc";
        assert_eq!(parse_head(response).unwrap(), Some((503, response.len())));
        assert_eq!(parse_head(&response[..40]).unwrap(), None);
        assert!(parse_head(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
        let empty = b"HTTP/1.1 204 No Content\r\n\r\n";
        assert_eq!(parse_head(empty).unwrap(), Some((204, empty.len())));
    }

    fn text(write: impl FnOnce(&mut Request)) -> String {
        let mut request = Request(b"an earlier request".to_vec());
        write(&mut request);
        String::from_utf8(request.0).unwrap()
    }

    #[test]
    fn requests_of_a_session_differ_in_their_operation_only() {
        let check = text(|request| request.write_session("GET /login", 7));
        let user = text(|request| request.write_session("GET /user", 7));
        assert!(check.starts_with("GET /login HTTP/1.1\r\n"), "{check}");
        assert!(check.ends_with("\r\n\r\n"), "{check}");
        assert_eq!(user, check.replacen("/login", "/user", 1));
    }

    #[test]
    fn login_names_its_client_only_if_a_proxy_forwards_it() {
        let direct = text(|request| request.write_login("bob", "secret", None));
        let client = Some(Ipv4Addr::new(198, 51, 100, 7));
        let forwarded = text(|request| request.write_login("bob", "secret", client));
        assert!(direct.ends_with(
            "Content-Length: 63\r\n\r\n{\"username\":\"bob\",\"domain\":\"bench.example\",\"password\":\"secret\"}"
        ), "{direct}");
        let header = "X-Forwarded-For: 198.51.100.7\r\nX-Forwarded-Proto: https\r\n";
        assert_eq!(forwarded.replacen(header, "", 1), direct);
    }
}
