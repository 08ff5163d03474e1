//! A server between the client and the real one: it hands requests on, or answers them itself, and keeps both sides.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Context as _, Result};

use crate::verify::live::exchange::{Answer, Request, Sender};

/// Headers that belong to one connection, or that whoever sends writes itself (RFC 9110, section 7.6.1).
const OF_CONNECTIONS: [&str; 4] = ["connection", "content-length", "host", "transfer-encoding"];

/// Where answers come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// From the server that is sent to.
    Server(Sender),
    /// From here: this one, to every request.
    Canned(Answer),
}

/// A request that came by, and how it was answered.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) request: Request,
    pub(crate) answer: Answer,
}

/// The tap. Its thread lives as long as the process.
pub(crate) struct Tap {
    base: String,
    state: Arc<Mutex<State>>,
}

struct State {
    source: Source,
    heard: Vec<Heard>,
}

impl Tap {
    /// Opens a tap on a port of its own.
    ///
    /// # Errors
    ///
    /// No port can be listened on.
    pub(crate) fn open(source: Source) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen on a port")?;
        let address = listener.local_addr().context("the port has no address")?;
        let state = Arc::new(Mutex::new(State {
            source,
            heard: Vec::new(),
        }));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that hangs up is one that has what it wants.
                let _ = pass(&stream, &shared);
            }
        });
        Ok(Self {
            base: format!("http://{address}"),
            state,
        })
    }

    /// Where the tap is.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// From now on answers come from there; forgets what was heard.
    pub(crate) fn turn(&self, source: Source) {
        let mut state = lock(&self.state);
        state.source = source;
        state.heard.clear();
    }

    /// What came by since it was last asked.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        std::mem::take(&mut lock(&self.state).heard)
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers the one request of a connection.
fn pass(mut stream: &TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let Some(request) = read(stream)? else {
        return Ok(());
    };
    let source = lock(state).source.clone();
    let answer = match source {
        Source::Canned(answer) => answer,
        // Without an answer the connection ends, which is what the client is to see then.
        Source::Server(sender) => match sender.send(&request) {
            Ok(answer) => answer,
            Err(_) => return Ok(()),
        },
    };
    let text = written(&answer);
    lock(state).heard.push(Heard { request, answer });
    stream.write_all(&text)
}

/// Reads a request of HTTP/1.1 with a body of known length, as the client sends it.
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
        if !OF_CONNECTIONS.contains(&name.as_str()) {
            request = request.header(name, value);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    request.body = body;
    Ok(Some(request))
}

/// An answer as it is sent: after it the connection ends.
fn written(answer: &Answer) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {} Verified\r\n", answer.status).into_bytes();
    for (name, value) in &answer.headers {
        if !OF_CONNECTIONS.contains(&name.as_str()) {
            text.extend_from_slice(name.as_str().as_bytes());
            text.extend_from_slice(b": ");
            text.extend_from_slice(value.as_bytes());
            text.extend_from_slice(b"\r\n");
        }
    }
    text.extend_from_slice(b"Connection: close\r\n");
    // RFC 9110, section 8.6: no length where there can be no body.
    if answer.status != 204 && answer.status != 304 {
        text.extend_from_slice(format!("Content-Length: {}\r\n", answer.body.len()).as_bytes());
    }
    text.extend_from_slice(b"\r\n");
    text.extend_from_slice(&answer.body);
    text
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    fn canned(status: u16, body: &str) -> Answer {
        let mut headers = HeaderMap::new();
        headers.append("set-cookie", "a=1".parse().expect("a value"));
        headers.append("set-cookie", "b=2".parse().expect("a value"));
        Answer {
            status,
            headers,
            body: body.as_bytes().to_vec(),
        }
    }

    #[test]
    fn a_canned_answer_arrives_as_it_is_and_the_request_is_heard() {
        let tap = Tap::open(Source::Canned(canned(400, "no"))).expect("a port");
        let sender = Sender::to(tap.base().to_owned()).expect("a client");
        let request = Request::new("POST", "/a?b=c")
            .header("x-d", "e")
            .body(None, "f");
        let answer = sender.send(&request).expect("it answers");
        assert_eq!((answer.status, answer.body.as_slice()), (400, &b"no"[..]));
        let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["a=1", "b=2"]);

        let heard = tap.heard();
        let [Heard { request: heard, .. }] = heard.as_slice() else {
            panic!("one request was sent");
        };
        assert_eq!(
            (heard.method.as_str(), heard.path.as_str()),
            ("POST", "/a?b=c")
        );
        assert!(heard.headers.contains(&("x-d".to_owned(), "e".to_owned())));
        assert_eq!(heard.body, b"f");
        assert!(tap.heard().is_empty(), "it is told once");
    }

    #[test]
    fn requests_are_handed_on_until_the_tap_is_turned() {
        let server = Tap::open(Source::Canned(canned(204, ""))).expect("a port");
        let sender = Sender::to(server.base().to_owned()).expect("a client");
        let tap = Tap::open(Source::Server(sender)).expect("a port");
        let through = Sender::to(tap.base().to_owned()).expect("a client");
        let request = Request::new("GET", "/a");
        assert_eq!(through.send(&request).expect("it answers").status, 204);
        assert_eq!(server.heard().len(), 1);
        tap.turn(Source::Canned(canned(503, "")));
        assert_eq!(through.send(&request).expect("it answers").status, 503);
        assert_eq!((server.heard().len(), tap.heard().len()), (0, 1));
    }

    #[test]
    fn where_the_server_does_not_answer_the_connection_ends() {
        // Port 1 of the machine itself: nobody listens there.
        let sender = Sender::to("http://127.0.0.1:1".to_owned()).expect("a client");
        let tap = Tap::open(Source::Server(sender)).expect("a port");
        let through = Sender::to(tap.base().to_owned()).expect("a client");
        assert!(through.send(&Request::new("GET", "/a")).is_err());
        assert!(tap.heard().is_empty());
    }
}
