use dropshot::{
    HttpError, HttpResponseAccepted, HttpResponseCreated, HttpResponseDeleted, HttpResponseOk,
    HttpResponseUpdatedNoContent, RequestContext, TypedBody,
};
use insta::assert_snapshot;

use super::wire::{request, response_to};
use dropshot_codegen_runtime::Headers as _;

use crate::fixtures::responses;

enum Handlers {}

impl responses::Responses for Handlers {
    type Context = ();

    async fn stock_ok(
        _: RequestContext<()>,
    ) -> Result<HttpResponseOk<responses::types::Thing>, HttpError> {
        Ok(HttpResponseOk(thing()))
    }

    async fn stock_created(
        _: RequestContext<()>,
        body: TypedBody<responses::types::Thing>,
    ) -> Result<HttpResponseCreated<responses::types::Thing>, HttpError> {
        Ok(HttpResponseCreated(body.into_inner()))
    }

    async fn stock_accepted(
        _: RequestContext<()>,
    ) -> Result<
        responses::WithHeaders<
            HttpResponseAccepted<responses::types::Thing>,
            responses::StockAcceptedAcceptedHeaders,
        >,
        HttpError,
    > {
        let headers = responses::StockAcceptedAcceptedHeaders::new("/elsewhere");
        Ok(responses::WithHeaders::new(
            HttpResponseAccepted(thing()),
            headers,
        ))
    }

    async fn stock_deleted(_: RequestContext<()>) -> Result<HttpResponseDeleted, HttpError> {
        Ok(HttpResponseDeleted())
    }

    async fn stock_updated(
        _: RequestContext<()>,
    ) -> Result<HttpResponseUpdatedNoContent, HttpError> {
        Ok(HttpResponseUpdatedNoContent())
    }

    async fn own_ok(_: RequestContext<()>) -> Result<responses::OwnOkOk, HttpError> {
        Ok(responses::OwnOkOk(thing()))
    }

    async fn own_empty(_: RequestContext<()>) -> Result<responses::OwnEmptyOk, HttpError> {
        Ok(responses::OwnEmptyOk)
    }

    async fn own_bare(_: RequestContext<()>) -> Result<responses::OwnBareOk, HttpError> {
        Ok(responses::OwnBareOk)
    }

    async fn own_gone(
        _: RequestContext<()>,
    ) -> Result<
        responses::WithHeaders<responses::OwnGoneNoContent, responses::OwnGoneNoContentHeaders>,
        HttpError,
    > {
        let headers = responses::OwnGoneNoContentHeaders::new(
            "session=; Max-Age=0",
            None,
            Some(responses::Secret::from("k3y")),
            7,
            Some(true),
        );
        Ok(responses::WithHeaders::new(
            responses::OwnGoneNoContent,
            headers,
        ))
    }

    async fn own_created(
        _: RequestContext<()>,
    ) -> Result<
        responses::WithHeaders<responses::OwnCreatedCreated, responses::OwnCreatedCreatedHeaders>,
        HttpError,
    > {
        Ok(responses::WithHeaders::new(
            responses::OwnCreatedCreated,
            Default::default(),
        ))
    }
}

fn thing() -> responses::types::Thing {
    responses::types::Thing {
        name: "lamp".to_owned(),
    }
}

async fn response_of(line: &str) -> String {
    let api = responses::responses::api_description::<Handlers>().unwrap();
    response_to(api, &request(line, &[], "")).await
}

#[tokio::test]
async fn empty_200_response_has_no_body_or_content_type() {
    assert_snapshot!(response_of("POST /own/empty").await, @r"
    HTTP/1.1 200 OK
    connection: close
    content-length: 0
    ");
}

#[tokio::test]
async fn optional_header_that_is_none_is_not_sent() {
    assert_snapshot!(response_of("POST /own/gone").await, @r"
    HTTP/1.1 204 No Content
    cache-control: no-store
    connection: close
    set-cookie: session=; Max-Age=0
    x-key: k3y
    x-last: true
    x-left: 7
    ");
}

#[tokio::test]
async fn response_with_only_fixed_headers_sends_them() {
    assert_snapshot!(response_of("POST /own/created").await, @r"
    HTTP/1.1 201 Created
    cache-control: no-store
    connection: close
    content-length: 0
    ");
}

#[tokio::test]
async fn response_with_generated_type_sends_its_body() {
    assert_snapshot!(response_of("GET /own/ok").await, @r#"
    HTTP/1.1 200 OK
    connection: close
    content-length: 15
    content-type: application/json

    {
      "name": "lamp"
    }
    "#);
}

#[tokio::test]
async fn dropshot_response_sends_generated_headers() {
    assert_snapshot!(response_of("PUT /stock/accepted").await, @r#"
    HTTP/1.1 202 Accepted
    connection: close
    content-length: 15
    content-type: application/json
    location: /elsewhere

    {
      "name": "lamp"
    }
    "#);
}

#[test]
fn debug_of_header_struct_hides_secrets() {
    let headers = responses::OwnGoneNoContentHeaders::new(
        "session=s3cret",
        Some("a note".to_owned()),
        Some("k3y".into()),
        7,
        None,
    );
    assert_snapshot!(format!("{headers:#?}"), @r#"
    OwnGoneNoContentHeaders {
        set_cookie: Secret,
        x_note: Some(
            "a note",
        ),
        x_key: Some(
            Secret,
        ),
        x_left: 7,
        x_last: None,
    }
    "#);
}

#[test]
fn header_with_invalid_value_is_an_error() {
    let headers = responses::StockAcceptedAcceptedHeaders::new("/a\r\nset-cookie: b");
    let error = headers.write(&mut http::HeaderMap::new()).unwrap_err();
    assert_snapshot!(
        format!("{} {}", error.status_code, error.internal_message),
        @"500 Internal Server Error failed to parse header value"
    );
}

#[test]
fn debug_of_written_headers_hides_secrets() {
    let mut headers = http::HeaderMap::new();
    responses::OwnGoneNoContentHeaders::new("session=s3cret", None, Some("k3y".into()), 7, None)
        .write(&mut headers)
        .unwrap();
    assert_snapshot!(
        format!("{headers:?}"),
        @r#"{"cache-control": "no-store", "set-cookie": Sensitive, "x-key": Sensitive, "x-left": "7"}"#
    );
}
