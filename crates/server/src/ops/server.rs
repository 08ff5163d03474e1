//! The second listener.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use dropshot::{
    ApiDescription, Body, ConfigDropshot, HandlerTaskMode, HttpError, HttpServer, RequestContext,
    ServerBuilder, endpoint,
};
use http::{Response, StatusCode, header};
use slog::{Discard, Logger, o};

use super::ready::Readiness;
use crate::context::Context;
use crate::error::causes;
use crate::metrics::Metrics;

/// What the answers are made from.
#[derive(Debug)]
pub struct Ops {
    context: Arc<Context>,
    readiness: Readiness,
}

/// Why the listener does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The handlers do not make an API.
    #[error("the operations' paths cannot be registered: {0}")]
    Description(#[from] dropshot::ApiDescriptionBuildErrors),
    /// The address cannot be listened on, most likely.
    #[error(
        "cannot listen on {address} for operations ({cause}); choose another address with --ops-listen, or off"
    )]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What dropshot says.
        cause: String,
    },
}

/// Listens on `address` (port 0 for any free one) and answers until the returned server is closed or dropped.
///
/// # Errors
///
/// See [`StartError`].
pub fn start(
    context: Arc<Context>,
    address: SocketAddr,
) -> Result<HttpServer<Arc<Ops>>, StartError> {
    let mut api = ApiDescription::new();
    api.register(healthz)
        .and_then(|()| api.register(readyz))
        .and_then(|()| api.register(metrics))
        .expect("three paths that do not overlap");
    let config = ConfigDropshot {
        bind_address: address,
        default_handler_task_mode: HandlerTaskMode::CancelOnDisconnect,
        ..ConfigDropshot::default()
    };
    let ops = Arc::new(Ops {
        context,
        readiness: Readiness::default(),
    });
    ServerBuilder::new(api, ops, Logger::root(Discard, o!()))
        .config(config)
        .start()
        .map_err(|error| StartError::Listen {
            address,
            cause: causes(&error),
        })
}

type Answer = Result<Response<Body>, HttpError>;

/// The process is there and its runtime has time for a request.
#[endpoint { method = GET, path = "/healthz", unpublished = true }]
async fn healthz(_rqctx: RequestContext<Arc<Ops>>) -> Answer {
    text(StatusCode::OK, "text/plain", "alive\n".to_owned())
}

/// Requests can be served: the database can be written to and has the form that this version needs.
#[endpoint { method = GET, path = "/readyz", unpublished = true }]
async fn readyz(rqctx: RequestContext<Arc<Ops>>) -> Answer {
    let Ops { context, readiness } = &**rqctx.context();
    let look = || async {
        let ready = context.store.ready().await;
        ready.map_err(|failure| causes(&failure))
    };
    match readiness.ask(Instant::now(), look).await {
        Ok(()) => text(StatusCode::OK, "text/plain", "ready\n".to_owned()),
        Err(reason) => {
            let body = format!("not ready: {reason}\n");
            text(StatusCode::SERVICE_UNAVAILABLE, "text/plain", body)
        }
    }
}

/// Everything that is counted and measured.
#[endpoint { method = GET, path = "/metrics", unpublished = true }]
async fn metrics(rqctx: RequestContext<Arc<Ops>>) -> Answer {
    let body = rqctx.context().context.metrics.text();
    text(StatusCode::OK, &Metrics::content_type(), body)
}

fn text(status: StatusCode, content_type: &str, body: String) -> Answer {
    Ok(Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, content_type)
        .header(header::CACHE_CONTROL, "no-store")
        .body(body.into())?)
}
