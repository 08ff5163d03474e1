//! Operations that continue as a websocket, and wildcard paths.

use dropshot::{
    Body, FreeformBody, HttpError, HttpResponse as _, HttpResponseOk, Path, Query, RequestContext,
    WebsocketChannelResult, WebsocketConnection, WebsocketUpgrade,
};
use http::Response;
use insta::assert_snapshot;
use tokio::io::AsyncWriteExt as _;

use super::wire::{request, response_to};
use crate::fixtures::channels;

enum Live {}

impl channels::Channels for Live {
    type Context = ();

    async fn join_room(
        _: RequestContext<()>,
        path: Path<channels::JoinRoomPath>,
        query: Query<channels::JoinRoomQuery>,
        connection: WebsocketConnection,
    ) -> WebsocketChannelResult {
        let (path, query) = (path.into_inner(), query.into_inner());
        let mut stream = connection.into_inner();
        // A real handler would send a frame; the test expects plain text.
        let hello = format!("hello {} in {}", query.as_.unwrap_or_default(), path.room);
        stream.write_all(hello.as_bytes()).await?;
        Ok(stream.shutdown().await?)
    }

    async fn join_any(
        _: RequestContext<()>,
        upgrade: WebsocketUpgrade,
    ) -> Result<Response<Body>, HttpError> {
        upgrade.handle(|_| async { Ok(()) })?.to_result()
    }

    async fn watch(
        _: RequestContext<()>,
        upgrade: WebsocketUpgrade,
    ) -> Result<channels::WatchSwitchingProtocols, HttpError> {
        let response = upgrade.handle(|_| async { Ok(()) })?.to_result()?;
        Ok(channels::WatchSwitchingProtocols(response))
    }

    async fn get_file(
        _: RequestContext<()>,
        path: Path<channels::GetFilePath>,
    ) -> Result<HttpResponseOk<FreeformBody>, HttpError> {
        let path = path.into_inner().path.join(" ");
        Ok(HttpResponseOk(FreeformBody(path.into())))
    }
}

async fn live(line: &str, headers: &[&str]) -> String {
    let api = channels::channels::api_description::<Live>().unwrap();
    response_to(api, &request(line, headers, "")).await
}

/// The headers that request a websocket (RFC 6455, section 1.3).
const UPGRADE: [&str; 4] = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

#[tokio::test]
async fn handler_receives_upgraded_websocket() {
    assert_snapshot!(live("GET /live/hall?as=alice", &UPGRADE).await, @"
    HTTP/1.1 101 Switching Protocols
    connection: Upgrade
    sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
    upgrade: websocket

    hello alice in hall
    ");
}

#[tokio::test]
async fn request_without_upgrade_to_websocket_returns_400() {
    assert_snapshot!(live("GET /live/hall", &[]).await, @r#"
    HTTP/1.1 400 Bad Request
    connection: close
    content-length: 102
    content-type: application/json

    {
      "request_id": "-",
      "message": "expected connection upgrade"
    }
    "#);
}

#[tokio::test]
async fn handler_can_upgrade_connection_itself() {
    for path in ["/live", "/watch"] {
        let response = live(&format!("GET {path}"), &UPGRADE).await;
        assert!(
            response.starts_with("HTTP/1.1 101 ") && response.contains("\nsec-websocket-accept: "),
            "{response}"
        );
    }
}

#[tokio::test]
async fn wildcard_parameter_is_list_of_segments() {
    assert_snapshot!(live("GET /files/a/b%20c/d", &[]).await, @"
    HTTP/1.1 200 OK
    connection: close
    content-length: 7
    content-type: application/octet-stream

    a b c d
    ");
}
