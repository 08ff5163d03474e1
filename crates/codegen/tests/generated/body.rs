use dropshot::{
    HttpError, HttpResponseDeleted, HttpResponseOk, HttpResponseUpdatedNoContent, MultipartBody,
    RequestContext, StreamingBody, TypedBody, UntypedBody,
};
use futures::TryStreamExt;
use insta::assert_snapshot;

use super::wire::{request, response_to};
use crate::fixtures::bodies::{self, types};

enum Store {}

impl bodies::Bodies for Store {
    type Context = ();

    async fn add_things(
        _: RequestContext<()>,
        body: TypedBody<Vec<types::Thing>>,
    ) -> Result<HttpResponseOk<Vec<types::Thing>>, HttpError> {
        Ok(HttpResponseOk(body.into_inner()))
    }

    async fn search_things(
        _: RequestContext<()>,
        body: TypedBody<types::Thing>,
    ) -> Result<HttpResponseUpdatedNoContent, HttpError> {
        Err(HttpError::for_bad_request(None, body.into_inner().name))
    }

    async fn replace_thing(
        _: RequestContext<()>,
        body: bodies::OptionalBody<TypedBody<types::Thing>>,
    ) -> Result<HttpResponseUpdatedNoContent, HttpError> {
        let name = body.into_inner().map(|body| body.into_inner().name);
        Err(HttpError::for_bad_request(None, format!("{name:?}")))
    }

    async fn forget_things(
        _: RequestContext<()>,
        body: TypedBody<String>,
    ) -> Result<HttpResponseDeleted, HttpError> {
        Err(HttpError::for_bad_request(None, body.into_inner()))
    }

    async fn send_form(
        _: RequestContext<()>,
        body: TypedBody<types::Order>,
    ) -> Result<HttpResponseOk<types::Order>, HttpError> {
        Ok(HttpResponseOk(body.into_inner()))
    }

    async fn send_parts(
        _: RequestContext<()>,
        mut body: MultipartBody,
    ) -> Result<HttpResponseOk<String>, HttpError> {
        let mut seen = String::new();
        while let Some(part) = body.content.next_field().await.unwrap() {
            seen.push_str(&format!("{} ", part.name().unwrap()));
            seen.push_str(&part.text().await.unwrap());
        }
        Ok(HttpResponseOk(seen))
    }

    async fn put_bytes(
        _: RequestContext<()>,
        body: UntypedBody,
    ) -> Result<HttpResponseOk<i64>, HttpError> {
        Ok(HttpResponseOk(
            body.as_bytes().len().try_into().unwrap_or(i64::MAX),
        ))
    }

    async fn stream_bytes(
        _: RequestContext<()>,
        body: StreamingBody,
    ) -> Result<HttpResponseUpdatedNoContent, HttpError> {
        let pieces: Vec<_> = body.into_stream().try_collect().await?;
        Err(HttpError::for_bad_request(None, format!("{pieces:?}")))
    }
}

async fn store(line: &str, headers: &[&str], body: &str) -> String {
    let api = bodies::bodies::api_description::<Store>().unwrap();
    response_to(api, &request(line, headers, body)).await
}

#[tokio::test]
async fn json_body_with_inline_schema_is_read_and_sent() {
    assert_snapshot!(store("POST /things", &[], r#"[{"name": "lamp"}]"#).await, @r#"
    HTTP/1.1 200 OK
    connection: close
    content-length: 17
    content-type: application/json

    [
      {
        "name": "lamp"
      }
    ]
    "#);
}

#[tokio::test]
async fn body_over_limit_of_operation_returns_400() {
    let long = format!("[{}]", [r#"{"name": "lamp"}"#; 4].join(","));
    assert_snapshot!(store("POST /things", &[], &long).await, @r#"
    HTTP/1.1 400 Bad Request
    connection: close
    content-length: 121
    content-type: application/json

    {
      "request_id": "-",
      "message": "request body exceeded maximum size of 64 bytes"
    }
    "#);
    assert_snapshot!(store("POST /bytes", &[], "0123456789a").await, @r#"
    HTTP/1.1 400 Bad Request
    connection: close
    content-length: 121
    content-type: application/json

    {
      "request_id": "-",
      "message": "request body exceeded maximum size of 10 bytes"
    }
    "#);
}

#[tokio::test]
async fn body_of_get_and_delete_is_read() {
    assert_snapshot!(store("GET /things", &[], r#"{"name": "lamp"}"#).await, @r#"
    HTTP/1.1 400 Bad Request
    connection: close
    content-length: 79
    content-type: application/json

    {
      "request_id": "-",
      "message": "lamp"
    }
    "#);
    assert_snapshot!(store("DELETE /things", &[], r#""all""#).await, @r#"
    HTTP/1.1 400 Bad Request
    connection: close
    content-length: 78
    content-type: application/json

    {
      "request_id": "-",
      "message": "all"
    }
    "#);
}

#[tokio::test]
async fn optional_body_is_none_if_absent_and_checked_if_present() {
    assert_snapshot!(store("PUT /things", &[], "").await, @r#"
    HTTP/1.1 400 Bad Request
    connection: close
    content-length: 79
    content-type: application/json

    {
      "request_id": "-",
      "message": "None"
    }
    "#);
    assert_snapshot!(store("PUT /things", &[], r#"{"name": "lamp"}"#).await, @r#"
    HTTP/1.1 400 Bad Request
    connection: close
    content-length: 89
    content-type: application/json

    {
      "request_id": "-",
      "message": "Some(\"lamp\")"
    }
    "#);
    assert_snapshot!(store("PUT /things", &[], "{}").await, @r#"
    HTTP/1.1 400 Bad Request
    connection: close
    content-length: 141
    content-type: application/json

    {
      "request_id": "-",
      "message": "unable to parse JSON body: missing field `name` at line 1 column 2"
    }
    "#);
}

#[tokio::test]
async fn form_is_read_and_json_instead_returns_400() {
    let form = ["Content-Type: application/x-www-form-urlencoded"];
    assert_snapshot!(store("POST /form", &form, "item=a+lamp&count=2&colour=red").await, @r#"
    HTTP/1.1 200 OK
    connection: close
    content-length: 42
    content-type: application/json

    {
      "colour": "red",
      "count": 2,
      "item": "a lamp"
    }
    "#);
    assert_snapshot!(store("POST /form", &form, "item=lamp&colour=blue").await, @r#"
    HTTP/1.1 400 Bad Request
    connection: close
    content-length: 166
    content-type: application/json

    {
      "request_id": "-",
      "message": "unable to parse URL-encoded body: colour: unknown variant `blue`, expected `red` or `green`"
    }
    "#);
    assert_snapshot!(store("POST /form", &[], r#"{"item": "lamp"}"#).await, @r#"
    HTTP/1.1 400 Bad Request
    connection: close
    content-length: 160
    content-type: application/json

    {
      "request_id": "-",
      "message": "expected content type \"application/x-www-form-urlencoded\", got \"application/json\""
    }
    "#);
}

#[tokio::test]
async fn multipart_body_is_read_part_by_part() {
    let parts = ["Content-Type: multipart/form-data; boundary=-"];
    let body = "---\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nlamp\r\n-----\r\n";
    assert_snapshot!(store("POST /parts", &parts, body).await, @r#"
    HTTP/1.1 200 OK
    connection: close
    content-length: 8
    content-type: application/json

    "a lamp"
    "#);
}

#[tokio::test]
async fn bytes_are_buffered_or_streamed() {
    assert_snapshot!(store("PUT /bytes", &[], "\u{0}\u{1}ab").await, @"
    HTTP/1.1 200 OK
    connection: close
    content-length: 1
    content-type: application/json

    4
    ");
    assert_snapshot!(store("POST /bytes", &[], "0123456789").await, @r#"
    HTTP/1.1 400 Bad Request
    connection: close
    content-length: 92
    content-type: application/json

    {
      "request_id": "-",
      "message": "[b\"0123456789\"]"
    }
    "#);
}
