//! Parameters with inline schemas, their defaults, and typed response headers.

use dropshot::{Header, HttpError, HttpResponseOk, Path, Query, RequestContext};
use insta::assert_snapshot;

use super::wire::{request, response_to};
use crate::fixtures::queries::{self, types};

enum Searching {}

impl queries::Queries for Searching {
    type Context = ();

    async fn search(
        _: RequestContext<()>,
        path: Path<queries::SearchPath>,
        query: Query<queries::SearchQuery>,
        header: Header<queries::SearchHeader>,
    ) -> Result<queries::WithHeaders<HttpResponseOk<String>, queries::SearchOkHeaders>, HttpError>
    {
        let (path, query, header) = (path.into_inner(), query.into_inner(), header.into_inner());
        let headers = queries::SearchOkHeaders::new(
            query.order,
            Some(types::SearchOkXSize::Small),
            query.ratio,
            "2026-03-01T12:00:00Z".parse().ok(),
        );
        let seen = format!("{path:?} {query:?} {header:?}");
        Ok(queries::WithHeaders::new(HttpResponseOk(seen), headers))
    }
}

const PLACE: &str = "/search/house/6f9619ff-8b86-d011-b42d-00c04fc964ff";

async fn search(query: &str, headers: &[&str]) -> String {
    let api = queries::queries::api_description::<Searching>().unwrap();
    response_to(api, &request(&format!("GET {PLACE}{query}"), headers, "")).await
}

#[tokio::test]
async fn absent_parameters_get_defaults() {
    assert_snapshot!(search("", &[]).await, @r#"
    HTTP/1.1 200 OK
    connection: close
    content-length: 228
    content-type: application/json
    x-at: 2026-03-01T12:00:00Z
    x-order: up
    x-size: small

    "SearchPath { type_: House, self_: 6f9619ff-8b86-d011-b42d-00c04fc964ff } SearchQuery { filter_name: None, limit: SearchLimit(10), order: Up, exact: true, word: \"any\", either: None, ratio: None } SearchHeader { accept: None }"
    "#);
}

#[tokio::test]
async fn parameters_with_inline_schemas_are_read_with_their_types() {
    let query =
        "?filter%5Bname%5D=abc&limit=100&order=down&exact=false&word=one&either=two&ratio=0.5";
    assert_snapshot!(search(query, &["Accept: text/plain"]).await, @r#"
    HTTP/1.1 200 OK
    connection: close
    content-length: 301
    content-type: application/json
    x-at: 2026-03-01T12:00:00Z
    x-order: down
    x-ratio: 0.5
    x-size: small

    "SearchPath { type_: House, self_: 6f9619ff-8b86-d011-b42d-00c04fc964ff } SearchQuery { filter_name: Some(SearchFilterName(\"abc\")), limit: SearchLimit(100), order: Down, exact: false, word: \"one\", either: Some(Word(Word(\"two\"))), ratio: Some(0.5) } SearchHeader { accept: Some(\"text/plain\") }"
    "#);
}

#[tokio::test]
async fn parameter_with_invalid_value_returns_400() {
    let mut refused = String::new();
    for query in [
        "?filter%5Bname%5D=a",
        "?filter%5Bname%5D=abcdef",
        "?limit=0",
        "?limit=101",
        "?limit=ten",
        "?order=sideways",
        "?exact=1",
        "?either=TWO",
    ] {
        let response = search(query, &[]).await;
        assert!(response.starts_with("HTTP/1.1 400 "), "{query}: {response}");
        let message = response
            .lines()
            .find(|line| line.contains("message"))
            .unwrap();
        refused.push_str(&format!("{query}{message}\n"));
    }
    assert_snapshot!(refused, @r#"
    ?filter%5Bname%5D=a  "message": "unable to parse query string: shorter than 2 characters"
    ?filter%5Bname%5D=abcdef  "message": "unable to parse query string: longer than 5 characters"
    ?limit=0  "message": "unable to parse query string: less than 1"
    ?limit=101  "message": "unable to parse query string: greater than 100"
    ?limit=ten  "message": "unable to parse query string: invalid digit found in string"
    ?order=sideways  "message": "unable to parse query string: unknown variant `sideways`, expected `up` or `down`"
    ?exact=1  "message": "unable to parse query string: provided string was not `true` or `false`"
    ?either=TWO  "message": "unable to parse query string: data did not match any variant of untagged enum Either"
    "#);
}
