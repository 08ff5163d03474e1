use dropshot::{
    Body, FreeformBody, HttpError, HttpResponseFound, HttpResponseOk, HttpResponseSeeOther,
    HttpResponseTemporaryRedirect, RequestContext, http_response_found, http_response_see_other,
    http_response_temporary_redirect,
};
use http::Response;
use insta::assert_snapshot;

use super::wire::{request, response_to};
use crate::fixtures::freeform;

enum Pages {}

impl freeform::Freeform for Pages {
    type Context = ();

    async fn get_any(_: RequestContext<()>) -> Result<Response<Body>, HttpError> {
        Ok(Response::builder().status(418).body("short".into())?)
    }

    async fn head_any(_: RequestContext<()>) -> Result<freeform::HeadAnyDefault, HttpError> {
        let response = Response::builder().status(410).body(Body::empty())?;
        Ok(freeform::HeadAnyDefault(response))
    }

    async fn get_ok(_: RequestContext<()>) -> Result<HttpResponseOk<FreeformBody>, HttpError> {
        Ok(HttpResponseOk(FreeformBody("bytes".into())))
    }

    async fn put_ok(
        _: RequestContext<()>,
    ) -> Result<
        freeform::WithHeaders<freeform::PutOkPartialContent, freeform::PutOkPartialContentHeaders>,
        HttpError,
    > {
        Ok(freeform::WithHeaders::new(
            freeform::PutOkPartialContent("by".into()),
            freeform::PutOkPartialContentHeaders::new("bytes 0-1/5"),
        ))
    }

    async fn get_page(_: RequestContext<()>) -> Result<freeform::GetPageOk, HttpError> {
        Ok(freeform::GetPageOk("<p>".into()))
    }

    async fn found(_: RequestContext<()>) -> Result<HttpResponseFound, HttpError> {
        http_response_found("/302".to_owned())
    }

    async fn see_other(_: RequestContext<()>) -> Result<HttpResponseSeeOther, HttpError> {
        http_response_see_other("/303".to_owned())
    }

    async fn temporary(_: RequestContext<()>) -> Result<HttpResponseTemporaryRedirect, HttpError> {
        http_response_temporary_redirect("/307".to_owned())
    }

    async fn moved(
        _: RequestContext<()>,
    ) -> Result<
        freeform::WithHeaders<
            freeform::MovedPermanentRedirect,
            freeform::MovedPermanentRedirectHeaders,
        >,
        HttpError,
    > {
        Ok(freeform::WithHeaders::new(
            freeform::MovedPermanentRedirect,
            freeform::MovedPermanentRedirectHeaders::new("/308", Some(7)),
        ))
    }

    async fn unchanged(_: RequestContext<()>) -> Result<freeform::UnchangedNotModified, HttpError> {
        Ok(freeform::UnchangedNotModified)
    }
}

async fn pages(line: &str) -> String {
    let api = freeform::freeform::api_description::<Pages>().unwrap();
    response_to(api, &request(line, &[], "")).await
}

#[tokio::test]
async fn response_of_handler_is_sent_unchanged() {
    assert_snapshot!(pages("GET /any").await, @"
    HTTP/1.1 418 I'm a teapot
    connection: close
    content-length: 5

    short
    ");
    assert_snapshot!(pages("HEAD /any").await, @"
    HTTP/1.1 410 Gone
    connection: close
    ");
}

#[tokio::test]
async fn content_is_sent_with_its_media_type() {
    assert_snapshot!(pages("GET /ok").await, @"
    HTTP/1.1 200 OK
    connection: close
    content-length: 5
    content-type: application/octet-stream

    bytes
    ");
    assert_snapshot!(pages("PUT /ok").await, @"
    HTTP/1.1 206 Partial Content
    connection: close
    content-length: 2
    content-range: bytes 0-1/5
    content-type: application/octet-stream

    by
    ");
    assert_snapshot!(pages("GET /page").await, @"
    HTTP/1.1 200 OK
    connection: close
    content-length: 3
    content-type: text/html

    <p>
    ");
}

#[tokio::test]
async fn redirects_have_a_location() {
    for (method, status) in [("GET", 302), ("POST", 303), ("PUT", 307)] {
        let response = pages(&format!("{method} /elsewhere")).await;
        assert!(
            response.starts_with(&format!("HTTP/1.1 {status} ")),
            "{response}"
        );
        assert!(
            response.contains(&format!("\nlocation: /{status}\n")),
            "{response}"
        );
    }
    assert_snapshot!(pages("PATCH /elsewhere").await, @"
    HTTP/1.1 308 Permanent Redirect
    connection: close
    content-length: 0
    location: /308
    retry-after: 7
    ");
    assert_snapshot!(pages("DELETE /elsewhere").await, @"
    HTTP/1.1 304 Not Modified
    connection: close
    ");
}
