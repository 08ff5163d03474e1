use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread;

use super::*;
use crate::report::Report;
use crate::report::tests::plain;

const CONTRACT: &str = r"
openapi: 3.0.3
info: { title: t, version: 1.0.0 }
paths:
  /things:
    get:
      operationId: getThings
      responses:
        '204': { description: done, headers: { Cache-Control: { $ref: '#/components/headers/NoStore' } } }
        '400':
          description: no
          headers: { Cache-Control: { $ref: '#/components/headers/NoStore' } }
          content: { application/json: { schema: { $ref: '#/components/schemas/Error' } } }
components:
  headers:
    NoStore: { required: true, schema: { type: string, enum: [no-store] } }
  schemas:
    Error:
      type: object
      required: [message]
      properties: { message: { type: string } }
";

const DONE: &str = "HTTP/1.1 204 No Content\r\nCache-Control: no-store\r\n\r\n";
const REFUSED: &str = "HTTP/1.1 400 Bad Request\r\nCache-Control: no-store\r\nContent-Type: application/json\r\nContent-Length: 21\r\n\r\n{\"message\":\"no such\"}";
const BARE: &str = "HTTP/1.1 204 No Content\r\n\r\n";
const MOVED: &str = "HTTP/1.1 302 Found\r\nCache-Control: no-store\r\nLocation: /things\r\nContent-Length: 0\r\n\r\n";

/// A server that sends one response after another and then closes the connection.
pub(crate) fn server(responses: &'static [&'static str]) -> Sender {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("the port has an address");
    thread::spawn(move || {
        let mut responses = responses.iter();
        while let Ok((stream, _)) = listener.accept() {
            answer(stream, &mut responses);
        }
    });
    Sender::to(format!("http://{address}")).expect("the client builds")
}

fn answer(stream: TcpStream, responses: &mut std::slice::Iter<&str>) {
    let mut reader = BufReader::new(&stream);
    for response in responses.by_ref() {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().expect("the length is a number");
            }
            if line == "\r\n" {
                break;
            }
        }
        reader
            .read_exact(&mut vec![0; length])
            .expect("the body is complete");
        (&stream)
            .write_all(response.as_bytes())
            .expect("the response is sent");
    }
}

pub(crate) fn config(contract: &Contract) -> DriveConfig<'_> {
    DriveConfig {
        contract,
        required_headers: &[("cache-control", "no-store")],
        routing: Routing::Strict,
        sandbox: None,
    }
}

fn report(responses: &'static [&'static str], run: impl FnOnce(&mut Drive)) -> String {
    let contract = Contract::parse("openapi.yaml", CONTRACT).expect("the contract is valid");
    let mut drive = Drive::new(config(&contract), server(responses));
    run(&mut drive);
    plain(&Report {
        items: drive.into_coverage().items(&contract, "the scenarios"),
    })
}

fn get(drive: &mut Drive, scenario: &str, expect: Expect) -> Result<Response, Abort> {
    drive.begin_scenario(scenario);
    let operation = drive.operation("getThings")?;
    drive.send_expecting(&operation, &Request::new("GET", "/things"), expect)
}

#[test]
fn expected_responses_are_recorded_as_reached() {
    let text = report(&[DONE, REFUSED, DONE], |drive| {
        assert!(get(drive, "a", Expect::Status(204)).is_ok());
        assert!(drive.has_reached("getThings", 204));
        assert!(get(drive, "b", Expect::Status(400)).is_ok());
        assert!(
            !drive.has_reached("getThings", 204),
            "a new scenario has reached nothing"
        );
        assert!(get(drive, "c", Expect::Accepted).is_ok());
    });
    insta::assert_snapshot!(text, @"
     fresh live      GET /things getThings: 204 400
     fresh live      unlisted requests

    2 fresh, 0 stale, 0 failed
    contract, server and client agree
    ");
}

#[test]
fn unexpected_status_aborts_and_shows_the_server_message() {
    let text = report(&[REFUSED, REFUSED, DONE], |drive| {
        assert_eq!(get(drive, "a", Expect::Status(204)).map(drop), Err(Abort));
        assert_eq!(get(drive, "b", Expect::Accepted).map(drop), Err(Abort));
        assert!(get(drive, "c", Expect::Status(204)).is_ok());
    });
    insta::assert_snapshot!(text, @"
    failed live      GET /things getThings: 204 400
             openapi.yaml:8:7: the server responded with 400 instead of 204
                  8 |       responses:
                    |       ^^^^^^^^^
               at /paths/~1things/get/responses
               message: no such
               when: a
             openapi.yaml:8:7: the server responded with 400 although the request is valid
                  8 |       responses:
                    |       ^^^^^^^^^
               at /paths/~1things/get/responses
               message: no such
               when: b
     fresh live      unlisted requests

    1 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only live
    ");
}

#[test]
fn expected_status_without_a_listed_header_is_reported() {
    let text = report(&[BARE, BARE, REFUSED], |drive| {
        assert!(get(drive, "a", Expect::Status(204)).is_ok());
        assert!(get(drive, "b", Expect::Status(204)).is_ok());
        assert!(get(drive, "c", Expect::Status(400)).is_ok());
    });
    insta::assert_snapshot!(text, @"
    failed live      GET /things getThings: 204 400
             openapi.yaml:9:48: the 204 response lacks the header `Cache-Control`
                  9 |         '204': { description: done, headers: { Cache-Control: { $ref: '#/components/headers/NoStore' } } }
                    |                                                ^^^^^^^^^^^^^
               at /paths/~1things/get/responses/204/headers/Cache-Control
               when: a; b
     fresh live      unlisted requests

    1 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only live
    ");
}

#[test]
fn redirects_are_not_followed() {
    let text = report(&[MOVED, DONE, REFUSED], |drive| {
        assert_eq!(get(drive, "a", Expect::Status(204)).map(drop), Err(Abort));
        assert!(get(drive, "b", Expect::Status(204)).is_ok());
        assert!(get(drive, "c", Expect::Status(400)).is_ok());
    });
    insta::assert_snapshot!(text, @"
    failed live      GET /things getThings: 204 400
             openapi.yaml:8:7: the server responded with 302, which is not listed
                  8 |       responses:
                    |       ^^^^^^^^^
               at /paths/~1things/get/responses
               when: a
               help: list it in the contract, or fix the server
             openapi.yaml:8:7: the server responded with 302 instead of 204
                  8 |       responses:
                    |       ^^^^^^^^^
               at /paths/~1things/get/responses
               when: a
     fresh live      unlisted requests

    1 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only live
    ");
}

#[test]
fn closed_connection_is_reported() {
    let text = report(&[DONE, REFUSED], |drive| {
        assert!(get(drive, "a", Expect::Status(204)).is_ok());
        assert!(get(drive, "b", Expect::Status(400)).is_ok());
        assert_eq!(get(drive, "c", Expect::Status(204)).map(drop), Err(Abort));
    });
    // How the connection ends depends on the operating system.
    assert!(text.contains("no response to GET /things: "), "{text}");
    assert!(text.contains("when: c"), "{text}");
}

#[test]
fn unlisted_request_must_return_404_or_405() {
    const ABSENT: &str = "HTTP/1.1 404 Not Found\r\nCache-Control: no-store\r\nContent-Type: application/json\r\nContent-Length: 21\r\n\r\n{\"message\":\"no such\"}";
    const METHOD: &str = "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\nCache-Control: no-store\r\nContent-Type: application/json\r\nContent-Length: 21\r\n\r\n{\"message\":\"no such\"}";
    let text = report(&[ABSENT, METHOD, DONE, REFUSED], |drive| {
        drive.begin_scenario("a");
        assert!(drive.unlisted(&Request::new("GET", "/more"), None).is_ok());
        assert!(
            drive
                .unlisted(&Request::new("PUT", "/things"), Some(&["GET".to_owned()]))
                .is_ok()
        );
        drive.begin_scenario("b");
        assert!(drive.unlisted(&Request::new("GET", "/more"), None).is_err());
        assert!(
            drive
                .unlisted(&Request::new("PUT", "/things"), Some(&["GET".to_owned()]))
                .is_err()
        );
    });
    insta::assert_snapshot!(text, @r#"
    failed live      GET /things getThings: 204 400
             openapi.yaml:9:9: getThings 204 is listed but not reached
                  9 |         '204': { description: done, headers: { Cache-Control: { $ref: '#/components/headers/NoStore' } } }
                    |         ^^^^^
               at /paths/~1things/get/responses/204
               help: add `Scenario::new("…", "getThings", 204, |drive, harness| …)` to the scenarios, or remove the status from the contract
             openapi.yaml:10:9: getThings 400 is listed but not reached
                 10 |         '400':
                    |         ^^^^^
               at /paths/~1things/get/responses/400
               help: add `Scenario::new("…", "getThings", 400, |drive, harness| …)` to the scenarios, or remove the status from the contract
    failed live      unlisted requests
             openapi.yaml:13:11: the 204 response has an unlisted media type
                 13 |           content: { application/json: { schema: { $ref: '#/components/schemas/Error' } } }
                    |           ^^^^^^^
               at /paths/~1things/get/responses/400/content
               contract: application/json
               server  : (nothing)
               when: b
             the server responded with 204 instead of 404
               when: b
             openapi.yaml:4:1: the header `Allow` does not list the methods of the contract
                  4 | paths:
                    | ^^^^^
               at /paths
               contract: GET
               server  : (nothing)
               when: b
             the server responded with 400 instead of 405
               when: b

    0 fresh, 0 stale, 2 failed
    next: fix the failures, then cargo xtask verify --only live
    "#);
}

#[test]
fn scenario_for_unknown_operation_is_reported() {
    let text = report(&[], |drive| {
        drive.begin_scenario("something old");
        assert_eq!(drive.operation("getMore").map(drop), Err(Abort));
    });
    assert!(
        text.contains("the scenario \"something old\" uses `getMore`, which is not an operation"),
        "{text}"
    );
}

#[test]
fn different_401_bodies_of_an_operation_are_reported() {
    const WRONG: &str = "HTTP/1.1 401 Unauthorized\r\nCache-Control: no-store\r\nWWW-Authenticate: Bearer\r\nContent-Type: application/json\r\nContent-Length: 36\r\n\r\n{\"request_id\":\"1\",\"message\":\"wrong\"}";
    const AGAIN: &str = "HTTP/1.1 401 Unauthorized\r\nCache-Control: no-store\r\nWWW-Authenticate: Bearer\r\nContent-Type: application/json\r\nContent-Length: 36\r\n\r\n{\"request_id\":\"2\",\"message\":\"wrong\"}";
    const ABSENT: &str = "HTTP/1.1 401 Unauthorized\r\nCache-Control: no-store\r\nWWW-Authenticate: Bearer\r\nContent-Type: application/json\r\nContent-Length: 43\r\n\r\n{\"request_id\":\"3\",\"message\":\"no such user\"}";
    let text = report(&[WRONG, AGAIN, ABSENT], |drive| {
        for scenario in ["a", "b", "c"] {
            assert!(get(drive, scenario, Expect::Status(401)).is_ok());
        }
    });
    let found = text
        .split("two 401 responses differ")
        .nth(1)
        .expect("the problem is reported");
    let found: Vec<&str> = found.lines().take(7).map(str::trim).collect();
    insta::assert_snapshot!(found.join("\n"), @r#"
    , so a caller can distinguish the causes
    8 |       responses:
    |       ^^^^^^^^^
    at /paths/~1things/get/responses/401
    first: {"message":"wrong"}
    now  : {"message":"no such user"}
    when: c
    "#);
}

#[test]
fn unused_header_exception_is_reported() {
    let text = report(&[DONE, REFUSED], |drive| {
        assert!(get(drive, "a", Expect::Status(204)).is_ok());
        assert!(get(drive, "b", Expect::Status(400)).is_ok());
        drive.check_header_exceptions();
    });
    insta::assert_snapshot!(text, @"
     fresh live      GET /things getThings: 204 400
    failed live      unlisted requests
             no response has the unlisted header `date` any more
               excepted because it: belongs to HTTP itself (RFC 9110, section 6.6.1)
               when: after all requests
               help: remove it from `UNLISTED_HEADERS` in dropshot-conformance
             no response has the unlisted header `x-request-id` any more
               excepted because it: is sent by dropshot, which numbers every request in its log
               when: after all requests
               help: remove it from `UNLISTED_HEADERS` in dropshot-conformance

    1 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only live
    ");
}

#[test]
fn refusal_without_the_invalid_field_is_reported() {
    let text = report(&[DONE, REFUSED], |drive| {
        assert!(get(drive, "a", Expect::Status(204)).is_ok());
        let response = get(drive, "b", Expect::Status(400)).expect("it is refused");
        let operation = drive.operation("getThings").expect("it exists");
        drive.check_names_field(&operation, 400, &response, "such");
        drive.check_names_field(&operation, 400, &response, "size");
    });
    insta::assert_snapshot!(text, @"
    failed live      GET /things getThings: 204 400
             openapi.yaml:10:9: the message of 400 does not name the invalid field `size`
                 10 |         '400':
                    |         ^^^^^
               at /paths/~1things/get/responses/400
               message: no such
               when: b
     fresh live      unlisted requests

    1 fresh, 0 stale, 1 failed
    next: fix the failures, then cargo xtask verify --only live
    ");
}
