//! A proxy that forwards or answers the client's requests and records both sides.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Context as _, Result};

use super::exchange::{Request, Response, Sender};

/// Headers that belong to a connection (RFC 9110, section 7.6.1) or that the HTTP library writes.
const HOP_BY_HOP_HEADERS: [&str; 4] = ["connection", "content-length", "host", "transfer-encoding"];

/// The source of responses.
#[derive(Clone, Debug)]
pub enum Source {
    /// A server.
    Server(Sender),
    /// The same response to every request.
    Canned(Response),
}

/// A recorded request and its response.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The request.
    pub request: Request,
    /// The response.
    pub response: Response,
}

/// A recording proxy; its thread ends with the process.
#[derive(Debug)]
pub struct RecordingProxy {
    base: String,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    source: Source,
    exchanges: Vec<Exchange>,
}

impl RecordingProxy {
    /// Opens a proxy on a free port.
    ///
    /// # Errors
    /// Fails if no port can be opened.
    pub fn open(source: Source) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen on a port")?;
        let address = listener.local_addr().context("the port has no address")?;
        let state = Arc::new(Mutex::new(State {
            source,
            exchanges: Vec::new(),
        }));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client may disconnect before the response.
                let _ = handle_connection(&stream, &shared);
            }
        });
        Ok(Self {
            base: format!("http://{address}"),
            state,
        })
    }

    /// Returns the base URL of the proxy.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Changes the source of responses and discards the recorded exchanges.
    pub fn set_source(&self, source: Source) {
        let mut state = lock(&self.state);
        state.source = source;
        state.exchanges.clear();
    }

    /// Returns and removes the recorded exchanges.
    pub fn take_exchanges(&self) -> Vec<Exchange> {
        std::mem::take(&mut lock(&self.state).exchanges)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn handle_connection(mut stream: &TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let Some(request) = read(stream)? else {
        return Ok(());
    };
    let source = lock(state).source.clone();
    let response = match source {
        Source::Canned(response) => response,
        Source::Server(sender) => match sender.send(&request) {
            Ok(response) => response,
            Err(_) => return Ok(()),
        },
    };
    let text = format_response(&response);
    lock(state).exchanges.push(Exchange { request, response });
    stream.write_all(&text)
}

/// Reads an HTTP/1.1 request with a `Content-Length`, as the client sends it.
fn read(stream: &TcpStream) -> std::io::Result<Option<Request>> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split(' ');
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Ok(None);
    };
    let mut request = Request::new(method, path);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        let (name, value) = (name.to_ascii_lowercase(), value.trim());
        if name == "content-length" {
            length = value.parse().unwrap_or(0);
        }
        if !HOP_BY_HOP_HEADERS.contains(&name.as_str()) {
            request = request.header(name, value);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    request.body = body;
    Ok(Some(request))
}

/// Formats a response; the connection is closed after it.
fn format_response(response: &Response) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {} Verified\r\n", response.status).into_bytes();
    for (name, value) in &response.headers {
        if !HOP_BY_HOP_HEADERS.contains(&name.as_str()) {
            text.extend_from_slice(name.as_str().as_bytes());
            text.extend_from_slice(b": ");
            text.extend_from_slice(value.as_bytes());
            text.extend_from_slice(b"\r\n");
        }
    }
    text.extend_from_slice(b"Connection: close\r\n");
    // RFC 9110, section 8.6: there is no length if there can be no body.
    if response.status != 204 && response.status != 304 {
        text.extend_from_slice(format!("Content-Length: {}\r\n", response.body.len()).as_bytes());
    }
    text.extend_from_slice(b"\r\n");
    text.extend_from_slice(&response.body);
    text
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    fn canned(status: u16, body: &str) -> Response {
        let mut headers = HeaderMap::new();
        headers.append("set-cookie", "a=1".parse().expect("the value is valid"));
        headers.append("set-cookie", "b=2".parse().expect("the value is valid"));
        Response {
            status,
            headers,
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn canned_response_arrives_and_the_request_is_recorded() {
        let proxy =
            RecordingProxy::open(Source::Canned(canned(400, "no"))).expect("a port is free");
        let sender = Sender::to(proxy.base().to_owned()).expect("the client builds");
        let request = Request::new("POST", "/a?b=c")
            .header("x-d", "e")
            .body(None, "f");
        let response = sender.send(&request).expect("the server responds");
        assert_eq!(
            (response.status, response.body.as_slice()),
            (400, &b"no"[..])
        );
        let cookies: Vec<_> = response.headers.get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["a=1", "b=2"]);

        let seen = proxy.take_exchanges();
        let [Exchange { request: seen, .. }] = seen.as_slice() else {
            panic!("one request was sent");
        };
        assert_eq!(
            (seen.method.as_str(), seen.path.as_str()),
            ("POST", "/a?b=c")
        );
        assert!(seen.headers.contains(&("x-d".to_owned(), "e".to_owned())));
        assert_eq!(seen.body, b"f");
        assert!(proxy.take_exchanges().is_empty(), "each is returned once");
    }

    #[test]
    fn requests_are_forwarded_until_the_source_changes() {
        let server = RecordingProxy::open(Source::Canned(canned(204, ""))).expect("a port is free");
        let sender = Sender::to(server.base().to_owned()).expect("the client builds");
        let proxy = RecordingProxy::open(Source::Server(sender)).expect("a port is free");
        let through = Sender::to(proxy.base().to_owned()).expect("the client builds");
        let request = Request::new("GET", "/a");
        assert_eq!(
            through.send(&request).expect("the server responds").status,
            204
        );
        assert_eq!(server.take_exchanges().len(), 1);
        proxy.set_source(Source::Canned(canned(503, "")));
        assert_eq!(
            through.send(&request).expect("the server responds").status,
            503
        );
        assert_eq!(
            (server.take_exchanges().len(), proxy.take_exchanges().len()),
            (0, 1)
        );
    }

    #[test]
    fn connection_ends_if_the_server_does_not_respond() {
        // Nothing listens on port 1.
        let sender = Sender::to("http://127.0.0.1:1".to_owned()).expect("the client builds");
        let proxy = RecordingProxy::open(Source::Server(sender)).expect("a port is free");
        let through = Sender::to(proxy.base().to_owned()).expect("the client builds");
        assert!(through.send(&Request::new("GET", "/a")).is_err());
        assert!(proxy.take_exchanges().is_empty());
    }
}
