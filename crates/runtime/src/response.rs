//! Responses for which dropshot has no type.

use std::marker::PhantomData;

use dropshot::{ApiEndpointResponse, Body, HttpCodedResponse, HttpError, HttpResponse};
use http::{HeaderValue, Response, StatusCode, header};
use schemars::JsonSchema;
use serde::Serialize;

use crate::header::Headers;

/// A response with headers.
///
/// dropshot's own `HttpResponseHeaders` converts the struct to JSON and parses names and values again (dropshot 0.18,
/// `handler.rs`), which takes a tenth of the time of a request. Only its OpenAPI documentation is used.
#[derive(Clone, Debug)]
pub struct WithHeaders<T, H> {
    response: T,
    headers: H,
}

impl<T, H> WithHeaders<T, H> {
    /// Combines a response with its headers.
    pub fn new(response: T, headers: H) -> Self {
        Self { response, headers }
    }
}

impl<T, H> HttpResponse for WithHeaders<T, H>
where
    T: HttpCodedResponse,
    H: Headers + JsonSchema + Send + Sync + 'static,
{
    fn to_result(self) -> Result<Response<Body>, HttpError> {
        let mut response = self.response.into()?;
        self.headers.write(response.headers_mut())?;
        Ok(response)
    }

    fn response_metadata() -> ApiEndpointResponse {
        dropshot::HttpResponseHeaders::<T, Documented<H>>::response_metadata()
    }

    fn status_code(&self) -> StatusCode {
        T::STATUS_CODE
    }
}

/// Headers for dropshot's documentation; dropshot requires `Serialize` but never serializes them.
#[derive(serde::Serialize)]
#[serde(bound = "")]
struct Documented<H>(PhantomData<H>);

impl<H: JsonSchema> JsonSchema for Documented<H> {
    fn schema_name() -> String {
        H::schema_name()
    }

    fn json_schema(generator: &mut schemars::r#gen::SchemaGenerator) -> schemars::schema::Schema {
        H::json_schema(generator)
    }
}

/// The length up to which a body is not reallocated while it is written.
const USUAL_JSON_LENGTH: usize = 512;

/// Creates a response with JSON, as dropshot's `HttpCodedResponse::for_object` does.
///
/// dropshot's body grows while it is written. This takes time, and leaves a copy of a secret in freed memory.
pub fn json_response(
    status: StatusCode,
    body: &impl Serialize,
) -> Result<Response<Body>, HttpError> {
    let mut json = Vec::with_capacity(USUAL_JSON_LENGTH);
    serde_json::to_writer(&mut json, body)
        .map_err(|error| HttpError::for_internal_error(error.to_string()))?;
    let mut response = Response::new(json.into());
    *response.status_mut() = status;
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    Ok(response)
}

/// Implements dropshot's response traits: `response!(Type: content, STATUS, "description")`.
///
/// The content is `empty` (for a unit struct), `json Body` (for `struct Type(pub Body)`), `any` or `media
/// "type/subtype"` (for `struct Type(pub dropshot::Body)`), or `whole` (for `struct Type(pub
/// http::Response<dropshot::Body>)`). With `free`, the handler also chooses the status: `response!(Type: free,
/// "description")`.
#[macro_export]
macro_rules! response {
    ($type:ident: empty, $status:ident, $description:literal) => {
        $crate::response!(
            @coded $type, $status, $description,
            // dropshot's empty body is public only through this type; it documents a response without content.
            <$crate::private::dropshot::HttpResponseUpdatedNoContent as $crate::private::dropshot::HttpCodedResponse>::Body,
            |_response| Ok(
                $crate::private::http::Response::builder()
                    .status($crate::private::http::StatusCode::$status)
                    .body($crate::private::dropshot::Body::empty())?
            )
        );
    };
    ($type:ident: json $body:ty, $status:ident, $description:literal) => {
        $crate::response!(
            @coded $type, $status, $description, $body,
            |response| $crate::private::json_response(
                $crate::private::http::StatusCode::$status,
                &response.0,
            )
        );
    };
    ($type:ident: any, $status:ident, $description:literal) => {
        $crate::response!(
            @coded $type, $status, $description, $crate::private::dropshot::FreeformBody,
            |response| <$type as $crate::private::dropshot::HttpCodedResponse>::for_object(response.0.into())
        );
    };
    ($type:ident: media $media_type:literal, $status:ident, $description:literal) => {
        $crate::response!(
            @coded $type, $status, $description, $crate::private::dropshot::FreeformBody,
            |response| Ok(
                $crate::private::http::Response::builder()
                    .status($crate::private::http::StatusCode::$status)
                    .header($crate::private::http::header::CONTENT_TYPE, $media_type)
                    .body(response.0)?
            )
        );
    };
    ($type:ident: whole, $status:ident, $description:literal) => {
        $crate::response!(
            @coded $type, $status, $description, $crate::private::dropshot::FreeformBody,
            |response| Ok(response.0)
        );
    };
    ($type:ident: free, $description:literal) => {
        impl $crate::private::dropshot::HttpResponse for $type {
            fn to_result(
                self,
            ) -> ::std::result::Result<
                $crate::private::http::Response<$crate::private::dropshot::Body>,
                $crate::private::dropshot::HttpError,
            > {
                Ok(self.0)
            }

            fn response_metadata() -> $crate::private::dropshot::ApiEndpointResponse {
                $crate::private::dropshot::ApiEndpointResponse {
                    description: Some($description.to_owned()),
                    ..Default::default()
                }
            }

            fn status_code(&self) -> $crate::private::http::StatusCode {
                self.0.status()
            }
        }
    };
    (@coded $type:ident, $status:ident, $description:literal, $body:ty, |$response:ident| $conversion:expr) => {
        impl $crate::private::dropshot::HttpCodedResponse for $type {
            type Body = $body;

            const STATUS_CODE: $crate::private::http::StatusCode =
                $crate::private::http::StatusCode::$status;
            const DESCRIPTION: &'static str = $description;
        }

        impl From<$type>
            for ::std::result::Result<
                $crate::private::http::Response<$crate::private::dropshot::Body>,
                $crate::private::dropshot::HttpError,
            >
        {
            fn from($response: $type) -> Self {
                $conversion
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    async fn read(response: Response<Body>) -> (http::response::Parts, Vec<u8>) {
        let (head, body) = response.into_parts();
        (head, body.collect().await.unwrap().to_bytes().to_vec())
    }

    #[tokio::test]
    async fn json_response_equals_that_of_dropshot() {
        for length in [0, 1, USUAL_JSON_LENGTH] {
            let body = vec!["a \"quoted\" word"; length];
            let expected = dropshot::HttpResponseCreated::for_object(body.clone()).unwrap();
            let response = json_response(StatusCode::CREATED, &body).unwrap();
            let (expected, expected_body) = read(expected).await;
            let (head, body) = read(response).await;
            assert_eq!(head.status, expected.status);
            assert_eq!(head.headers, expected.headers);
            assert_eq!(body, expected_body);
        }
    }
}
