//! Generated response types and their headers, as they are sent.

use dropshot::{
    HttpError, HttpResponseAccepted, HttpResponseCreated, HttpResponseDeleted, HttpResponseOk,
    HttpResponseUpdatedNoContent, RequestContext, TypedBody,
};
use insta::assert_snapshot;

use super::wire::{answer_to, request};
use dropshot_codegen_runtime::Headers as _;

use crate::fixtures::answers;

enum Answers {}

impl answers::Answers for Answers {
    type Context = ();

    async fn stock_ok(
        _: RequestContext<()>,
    ) -> Result<HttpResponseOk<answers::types::Thing>, HttpError> {
        Ok(HttpResponseOk(thing()))
    }

    async fn stock_created(
        _: RequestContext<()>,
        body: TypedBody<answers::types::Thing>,
    ) -> Result<HttpResponseCreated<answers::types::Thing>, HttpError> {
        Ok(HttpResponseCreated(body.into_inner()))
    }

    async fn stock_accepted(
        _: RequestContext<()>,
    ) -> Result<
        answers::WithHeaders<
            HttpResponseAccepted<answers::types::Thing>,
            answers::StockAcceptedAcceptedHeaders,
        >,
        HttpError,
    > {
        let headers = answers::StockAcceptedAcceptedHeaders::new("/elsewhere");
        Ok(answers::WithHeaders::new(
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

    async fn own_ok(_: RequestContext<()>) -> Result<answers::OwnOkOk, HttpError> {
        Ok(answers::OwnOkOk(thing()))
    }

    async fn own_empty(_: RequestContext<()>) -> Result<answers::OwnEmptyOk, HttpError> {
        Ok(answers::OwnEmptyOk)
    }

    async fn own_bare(_: RequestContext<()>) -> Result<answers::OwnBareOk, HttpError> {
        Ok(answers::OwnBareOk)
    }

    async fn own_gone(
        _: RequestContext<()>,
    ) -> Result<
        answers::WithHeaders<answers::OwnGoneNoContent, answers::OwnGoneNoContentHeaders>,
        HttpError,
    > {
        let headers = answers::OwnGoneNoContentHeaders::new(
            "session=; Max-Age=0",
            None,
            Some(answers::Secret::from("k3y")),
            7,
            Some(true),
        );
        Ok(answers::WithHeaders::new(
            answers::OwnGoneNoContent,
            headers,
        ))
    }

    async fn own_created(
        _: RequestContext<()>,
    ) -> Result<
        answers::WithHeaders<answers::OwnCreatedCreated, answers::OwnCreatedCreatedHeaders>,
        HttpError,
    > {
        Ok(answers::WithHeaders::new(
            answers::OwnCreatedCreated,
            Default::default(),
        ))
    }
}

fn thing() -> answers::types::Thing {
    answers::types::Thing {
        name: "lamp".to_owned(),
    }
}

async fn answers_to(line: &str) -> String {
    let api = answers::answers::api_description::<Answers>().unwrap();
    answer_to(api, &request(line, &[], "")).await
}

#[tokio::test]
async fn an_empty_200_is_sent_without_a_body_or_a_type() {
    assert_snapshot!(answers_to("POST /own/empty").await, @r"
    HTTP/1.1 200 OK
    connection: close
    content-length: 0
    ");
}

#[tokio::test]
async fn fixed_and_given_headers_are_sent_and_the_rest_left_out() {
    assert_snapshot!(answers_to("POST /own/gone").await, @r"
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
async fn headers_that_are_all_fixed_need_no_arguments() {
    assert_snapshot!(answers_to("POST /own/created").await, @r"
    HTTP/1.1 201 Created
    cache-control: no-store
    connection: close
    content-length: 0
    ");
}

#[tokio::test]
async fn a_body_with_a_description_of_its_own_is_sent_like_any_other() {
    assert_snapshot!(answers_to("GET /own/ok").await, @r#"
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
async fn dropshots_own_answers_carry_generated_headers() {
    assert_snapshot!(answers_to("PUT /stock/accepted").await, @r#"
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
fn headers_that_are_secret_are_not_shown() {
    let headers = answers::OwnGoneNoContentHeaders::new(
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
fn a_value_that_no_header_can_hold_is_an_error() {
    let headers = answers::StockAcceptedAcceptedHeaders::new("/a\r\nset-cookie: b");
    let error = headers.write(&mut http::HeaderMap::new()).unwrap_err();
    assert_snapshot!(
        format!("{} {}", error.status_code, error.internal_message),
        @"500 Internal Server Error failed to parse header value"
    );
}

#[test]
fn a_header_that_is_secret_is_not_shown_either_once_it_is_set() {
    let mut headers = http::HeaderMap::new();
    answers::OwnGoneNoContentHeaders::new("session=s3cret", None, Some("k3y".into()), 7, None)
        .write(&mut headers)
        .unwrap();
    assert_snapshot!(
        format!("{headers:?}"),
        @r#"{"cache-control": "no-store", "set-cookie": Sensitive, "x-key": Sensitive, "x-left": "7"}"#
    );
}
