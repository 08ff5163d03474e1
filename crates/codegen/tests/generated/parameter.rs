use dropshot::{HttpError, HttpResponseDeleted, HttpResponseOk, RequestContext};
use insta::assert_snapshot;

use super::wire::{request, response_to};
use crate::fixtures::parameters;

enum Houses {}

impl parameters::Parameters for Houses {
    type Context = ();

    async fn find_house(
        _: RequestContext<()>,
        path: dropshot::Path<parameters::FindHousePath>,
        query: dropshot::Query<parameters::FindHouseQuery>,
        header: dropshot::Header<parameters::FindHouseHeader>,
    ) -> Result<HttpResponseOk<parameters::types::Street>, HttpError> {
        let all = (path.into_inner(), query.into_inner(), header.into_inner());
        Err(HttpError::for_bad_request(None, format!("{all:?}")))
    }

    async fn remove_house(
        _: RequestContext<()>,
        _: dropshot::Path<parameters::RemoveHousePath>,
        _: dropshot::Query<parameters::RemoveHouseQuery>,
    ) -> Result<HttpResponseDeleted, HttpError> {
        Ok(HttpResponseDeleted())
    }
}

async fn houses(line: &str, headers: &[&str]) -> String {
    let api = parameters::parameters::api_description::<Houses>().unwrap();
    response_to(api, &request(line, headers, "")).await
}

#[tokio::test]
async fn parameters_are_read_with_their_types() {
    let line = "GET /houses/High%20Street/-7?limit=3&sinceDay=2026-03-01&colour=green&exact=true&ratio=0.5";
    assert_snapshot!(houses(line, &["x-request-tag: t"]).await, @r#"
    HTTP/1.1 400 Bad Request
    connection: close
    content-length: 302
    content-type: application/json

    {
      "request_id": "-",
      "message": "(FindHousePath { street: Street(\"High Street\"), number: -7 }, FindHouseQuery { limit: Some(3), since_day: 2026-03-01, colour: Some(Green), exact: Some(true), ratio: Some(0.5) }, FindHouseHeader { x_request_tag: Some(\"t\") })"
    }
    "#);
}

#[tokio::test]
async fn absent_optional_parameters_are_none() {
    assert_snapshot!(houses("GET /houses/High/7?sinceDay=2026-03-01", &[]).await, @r#"
    HTTP/1.1 400 Bad Request
    connection: close
    content-length: 266
    content-type: application/json

    {
      "request_id": "-",
      "message": "(FindHousePath { street: Street(\"High\"), number: 7 }, FindHouseQuery { limit: None, since_day: 2026-03-01, colour: None, exact: None, ratio: None }, FindHouseHeader { x_request_tag: None })"
    }
    "#);
}

#[tokio::test]
async fn parameter_out_of_bounds_returns_400() {
    assert_snapshot!(houses("GET /houses/H/7?sinceDay=2026-03-01", &[]).await, @r#"
    HTTP/1.1 400 Bad Request
    connection: close
    content-length: 127
    content-type: application/json

    {
      "request_id": "-",
      "message": "bad parameter in URL path: shorter than 2 characters"
    }
    "#);
    assert_snapshot!(houses("GET /houses/High/7?sinceDay=2026-03-01&colour=blue", &[]).await, @r#"
    HTTP/1.1 400 Bad Request
    connection: close
    content-length: 154
    content-type: application/json

    {
      "request_id": "-",
      "message": "unable to parse query string: unknown variant `blue`, expected `red` or `green`"
    }
    "#);
}
