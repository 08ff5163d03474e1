//! Wrappers of dropshot's extractors, for optional bodies and for refusals that a hook shapes.
//!
//! dropshot's extractors refuse a request before its handler runs. The wrappers pass the refusal to the handler, which
//! can authenticate the client first, so that a 401 takes precedence over an invalid parameter or body.

use std::fmt;
use std::marker::PhantomData;

use async_trait::async_trait;
use dropshot::{
    ApiEndpointBodyContentType, Body, ExclusiveExtractor, ExtractorMetadata, HttpError,
    RequestContext, ServerContext, SharedExtractor,
};

use crate::refusal::{DropshotRefusals, Refusals};

/// An optional body.
#[derive(Debug)]
pub struct OptionalBody<E>(Option<E>);

impl<E> OptionalBody<E> {
    /// Returns the extracted body, if there is one.
    pub fn into_inner(self) -> Option<E> {
        self.0
    }
}

#[async_trait]
impl<E: ExclusiveExtractor> ExclusiveExtractor for OptionalBody<E> {
    async fn from_request<Context: ServerContext>(
        rqctx: &RequestContext<Context>,
        request: http::Request<Body>,
    ) -> Result<Self, HttpError> {
        if http_body::Body::is_end_stream(request.body()) {
            return Ok(Self(None));
        }
        E::from_request(rqctx, request).await.map(Some).map(Self)
    }

    fn metadata(content_type: ApiEndpointBodyContentType) -> ExtractorMetadata {
        E::metadata(content_type)
    }
}

/// The result of a dropshot extractor that reads the head of a request; `R` shapes its refusals.
#[must_use = "a request that does not fit is refused by `into_inner`"]
pub struct Extracted<E, R = DropshotRefusals>(Result<E, HttpError>, PhantomData<fn(R)>);

impl<E, R> Extracted<E, R> {
    /// Returns the extracted value, or the refusal if the request does not fit.
    pub fn into_inner(self) -> Result<E, HttpError> {
        self.0
    }
}

impl<E: fmt::Debug, R> fmt::Debug for Extracted<E, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Extracted").field(&self.0).finish()
    }
}

#[async_trait]
impl<E: SharedExtractor, R: Refusals> SharedExtractor for Extracted<E, R> {
    async fn from_request<Context: ServerContext>(
        rqctx: &RequestContext<Context>,
    ) -> Result<Self, HttpError> {
        let extracted = E::from_request(rqctx).await.map_err(R::shape);
        Ok(Self(extracted, PhantomData))
    }

    fn metadata(content_type: ApiEndpointBodyContentType) -> ExtractorMetadata {
        E::metadata(content_type)
    }
}

/// The result of a dropshot extractor that reads the body of a request; `R` shapes its refusals.
#[must_use = "a request that does not fit is refused by `into_inner`"]
pub struct ExtractedBody<E, R = DropshotRefusals>(Result<E, HttpError>, PhantomData<fn(R)>);

impl<E, R> ExtractedBody<E, R> {
    /// Returns the extracted value, or the refusal if the body does not fit.
    pub fn into_inner(self) -> Result<E, HttpError> {
        self.0
    }
}

impl<E: fmt::Debug, R> fmt::Debug for ExtractedBody<E, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ExtractedBody").field(&self.0).finish()
    }
}

#[async_trait]
impl<E: ExclusiveExtractor, R: Refusals> ExclusiveExtractor for ExtractedBody<E, R> {
    async fn from_request<Context: ServerContext>(
        rqctx: &RequestContext<Context>,
        request: http::Request<Body>,
    ) -> Result<Self, HttpError> {
        let extracted = E::from_request(rqctx, request).await.map_err(R::shape);
        Ok(Self(extracted, PhantomData))
    }

    fn metadata(content_type: ApiEndpointBodyContentType) -> ExtractorMetadata {
        E::metadata(content_type)
    }
}
