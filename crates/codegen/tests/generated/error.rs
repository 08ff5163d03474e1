use dropshot::{
    ErrorStatusCode, HttpError, HttpResponseDeleted, HttpResponseUpdatedNoContent, Path, Query,
    RequestContext,
};
use insta::assert_snapshot;

use super::wire::{request, response_to};
use crate::fixtures::errors::{self, types};

enum Failing {}

impl errors::Errors for Failing {
    type Context = ();

    async fn ranges(
        _: RequestContext<()>,
        _: Path<errors::RangesPath>,
    ) -> Result<HttpResponseUpdatedNoContent, errors::ProblemResponse> {
        Err(errors::ProblemResponse::new(
            ErrorStatusCode::CONFLICT,
            types::Problem {
                hint: Some("choose another".to_owned()),
                kind: types::Kind::Taken,
                message: "it is taken".to_owned(),
                status: 409,
            },
            "this is only logged",
        ))
    }

    async fn statuses(
        _: RequestContext<()>,
        _: Path<errors::StatusesPath>,
    ) -> Result<HttpResponseUpdatedNoContent, errors::ProblemResponse> {
        Err(HttpError::for_internal_error("the disk is full".to_owned()).into())
    }

    async fn others(
        _: RequestContext<()>,
        _: Path<errors::OthersPath>,
    ) -> Result<HttpResponseUpdatedNoContent, errors::TroubleResponse> {
        Ok(HttpResponseUpdatedNoContent())
    }

    async fn variants(
        _: RequestContext<()>,
        query: Query<errors::VariantsQuery>,
    ) -> Result<HttpResponseUpdatedNoContent, errors::VariantsResponse> {
        let line = query.into_inner().number;
        Err(errors::VariantsResponse::new(
            ErrorStatusCode::SERVICE_UNAVAILABLE,
            types::Variants::Full { line },
            "full",
        ))
    }

    async fn dropshots(
        _: RequestContext<()>,
        _: Path<errors::DropshotsPath>,
    ) -> Result<HttpResponseDeleted, HttpError> {
        Ok(HttpResponseDeleted())
    }
}

async fn failing(line: &str) -> String {
    let api = errors::errors::api_description::<Failing>().unwrap();
    response_to(api, &request(line, &[], "")).await
}

#[tokio::test]
async fn error_of_handler_has_schema_of_contract() {
    assert_snapshot!(failing("GET /ranges/1").await, @r#"
    HTTP/1.1 409 Conflict
    connection: close
    content-length: 77
    content-type: application/json

    {
      "hint": "choose another",
      "kind": "taken",
      "message": "it is taken",
      "status": 409
    }
    "#);
}

#[tokio::test]
async fn refusal_of_dropshot_has_schema_of_contract() {
    assert_snapshot!(failing("GET /ranges/one").await, @r#"
    HTTP/1.1 400 Bad Request
    connection: close
    content-length: 97
    content-type: application/json

    {
      "kind": "other",
      "message": "bad parameter in URL path: unable to parse 'one' as i32",
      "status": 400
    }
    "#);
    assert_snapshot!(failing("POST /ranges/one").await, @r#"
    HTTP/1.1 400 Bad Request
    connection: close
    content-length: 107
    content-type: application/json

    {
      "error_code": "",
      "error": {
        "message": "bad parameter in URL path: unable to parse 'one' as i32",
        "causes": []
      }
    }
    "#);
    assert_snapshot!(failing("DELETE /ranges/one").await, @r#"
    HTTP/1.1 400 Bad Request
    connection: close
    content-length: 130
    content-type: application/json

    {
      "request_id": "-",
      "message": "bad parameter in URL path: unable to parse 'one' as i32"
    }
    "#);
}

#[tokio::test]
async fn refusal_of_dropshot_uses_alternative_with_message() {
    assert_snapshot!(failing("GET /variants?number=7").await, @r#"
    HTTP/1.1 503 Service Unavailable
    connection: close
    content-length: 19
    content-type: application/json

    {
      "Full": {
        "line": 7
      }
    }
    "#);
    assert_snapshot!(failing("GET /variants").await, @r#"
    HTTP/1.1 400 Bad Request
    connection: close
    content-length: 94
    content-type: application/json

    {
      "Other": {
        "message": "unable to parse query string: missing field `number`",
        "error_code": null
      }
    }
    "#);
}

#[tokio::test]
async fn cause_of_internal_error_is_not_sent() {
    assert_snapshot!(failing("PUT /ranges/1").await, @r#"
    HTTP/1.1 500 Internal Server Error
    connection: close
    content-length: 63
    content-type: application/json

    {
      "kind": "other",
      "message": "Internal Server Error",
      "status": 500
    }
    "#);
}

#[test]
fn display_of_error_is_its_logged_cause() {
    let body = types::Trouble {
        error: types::Words {
            causes: Vec::new(),
            message: "no".to_owned(),
        },
        error_code: "No".to_owned(),
    };
    let error = errors::TroubleResponse::new(ErrorStatusCode::NOT_FOUND, body, "why");
    assert_eq!(error.to_string(), "why");
}
