use dropshot::{
    EmptyScanParams, HttpError, HttpResponseOk, PaginationParams, Path, Query, RequestContext,
    ResultsPage, WhichPage,
};
use insta::assert_snapshot;
use serde_json::{Value, json};

use super::wire::{request, response_to};
use crate::fixtures::pagination::{self, types};

enum Shelves {}

type Response<T, H> = Result<pagination::WithHeaders<T, H>, HttpError>;

fn thing(name: &str) -> types::Thing {
    types::Thing {
        name: name.to_owned(),
    }
}

impl pagination::Pagination for Shelves {
    type Context = ();

    async fn list_things(
        rqctx: RequestContext<()>,
        query: Query<PaginationParams<EmptyScanParams, Value>>,
    ) -> Result<HttpResponseOk<ResultsPage<types::Thing>>, HttpError> {
        let query = query.into_inner();
        let limit = rqctx.page_limit(&query)?.get().to_string();
        let from = match query.page {
            WhichPage::First(_) => json!("the start"),
            WhichPage::Next(from) => from,
        };
        let things = vec![thing(&limit), thing(&from.to_string())];
        let page = ResultsPage::new(things, &(), |last, ()| json!({ "after": last.name }))?;
        Ok(HttpResponseOk(page))
    }

    async fn search_things(
        _: RequestContext<()>,
        path: Path<pagination::SearchThingsPath>,
        query: Query<PaginationParams<pagination::SearchThingsScan, Value>>,
    ) -> Result<HttpResponseOk<ResultsPage<types::Thing>>, HttpError> {
        let seen = format!("{:?} {:?}", path.into_inner(), query.into_inner().page);
        Err(HttpError::for_bad_request(None, seen))
    }

    async fn list_colours(
        rqctx: RequestContext<()>,
        query: Query<pagination::ListColoursQuery>,
    ) -> Response<pagination::ListColoursOk, pagination::ListColoursOkHeaders> {
        let pagination::ListColoursQuery(query) = query.into_inner();
        let limit = rqctx.page_limit(&query)?.get();
        let colours = vec![types::Colour::Red; limit as usize];
        let page = ResultsPage::new(colours, &(), |_, ()| format!("{:?}", query.page))?;
        Ok(pagination::WithHeaders::new(
            pagination::ListColoursOk(page),
            pagination::ListColoursOkHeaders::new(),
        ))
    }

    async fn list_words(
        _: RequestContext<()>,
        query: Query<pagination::ListWordsQuery>,
    ) -> Result<HttpResponseOk<Vec<String>>, HttpError> {
        Ok(HttpResponseOk(vec![format!("{:?}", query.into_inner())]))
    }
}

async fn shelves(line: &str) -> String {
    let api = pagination::pagination::api_description::<Shelves>().unwrap();
    response_to(api, &request(line, &[], "")).await
}

#[tokio::test]
async fn page_token_continues_after_last_item() {
    let first = shelves("GET /things?limit=7").await;
    assert_snapshot!(first, @r#"
    HTTP/1.1 200 OK
    connection: close
    content-length: 132
    content-type: application/json

    {
      "next_page": "eyJ2IjoidjEiLCJwYWdlX3N0YXJ0Ijp7ImFmdGVyIjoiXCJ0aGUgc3RhcnRcIiJ9fQ==",
      "items": [
        {
          "name": "7"
        },
        {
          "name": "\"the start\""
        }
      ]
    }
    "#);
    let (_, body) = first.split_once("\n\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    let token = body["next_page"].as_str().unwrap();
    assert_snapshot!(shelves(&format!("GET /things?page_token={token}")).await, @r#"
    HTTP/1.1 200 OK
    connection: close
    content-length: 178
    content-type: application/json

    {
      "next_page": "eyJ2IjoidjEiLCJwYWdlX3N0YXJ0Ijp7ImFmdGVyIjoie1wiYWZ0ZXJcIjpcIlxcXCJ0aGUgc3RhcnRcXFwiXCJ9In19",
      "items": [
        {
          "name": "100"
        },
        {
          "name": "{\"after\":\"\\\"the start\\\"\"}"
        }
      ]
    }
    "#);
}

#[tokio::test]
async fn first_page_without_required_parameter_returns_400() {
    assert_snapshot!(shelves("GET /things/top?colour=red").await, @r#"
    HTTP/1.1 400 Bad Request
    connection: close
    content-length: 163
    content-type: application/json

    {
      "request_id": "-",
      "message": "SearchThingsPath { shelf: \"top\" } First(SearchThingsScan { colour: Red, order: None })"
    }
    "#);
    assert_snapshot!(shelves("GET /things/top?order=up").await, @r#"
    HTTP/1.1 400 Bad Request
    connection: close
    content-length: 127
    content-type: application/json

    {
      "request_id": "-",
      "message": "unable to parse query string: missing field `colour`"
    }
    "#);
}

#[tokio::test]
async fn parameters_that_dropshot_cannot_paginate_are_read_as_a_query() {
    assert_snapshot!(shelves("GET /words?page_token=x").await, @r#"
    HTTP/1.1 200 OK
    connection: close
    content-length: 72
    content-type: application/json

    [
      "ListWordsQuery { limit: ListWordsLimit(5), page_token: Some(\"x\") }"
    ]
    "#);
    assert_snapshot!(shelves("GET /words?limit=11").await, @r#"
    HTTP/1.1 400 Bad Request
    connection: close
    content-length: 120
    content-type: application/json

    {
      "request_id": "-",
      "message": "unable to parse query string: greater than 10"
    }
    "#);
}

#[tokio::test]
async fn pagination_with_descriptions_of_the_contract_is_read_by_dropshot() {
    assert_snapshot!(shelves("GET /colours?limit=2&order=up").await, @r#"
    HTTP/1.1 200 OK
    cache-control: no-store
    connection: close
    content-length: 122
    content-type: application/json

    {
      "next_page": "eyJ2IjoidjEiLCJwYWdlX3N0YXJ0IjoiRmlyc3QoTGlzdENvbG91cnNTY2FuIHsgb3JkZXI6IFVwIH0pIn0=",
      "items": [
        "red",
        "red"
      ]
    }
    "#);
    let none = shelves("GET /colours?limit=0&order=up").await;
    assert!(none.contains("`0`, expected a nonzero u32"), "{none}");
    let unordered = shelves("GET /colours").await;
    assert!(unordered.contains("missing field `order`"), "{unordered}");
}
