use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dropshot::{
    ApiDescription, Body, ConfigDropshot, DynamicVersionPolicy, HandlerTaskMode, HttpError,
    HttpServer, RequestContext, ServerBuilder, VersionPolicy, endpoint, semver::Version,
};
use http::{Method, Response, StatusCode, header};
use pbx_login_api::refusal;
use slog::{Discard, Logger, o};

use super::ready::ReadinessProbe;
use crate::context::Context;
use crate::error::causes;
use crate::metrics::Metrics;

/// The state that the endpoints share.
#[derive(Debug)]
pub struct Ops {
    context: Arc<Context>,
    readiness: ReadinessProbe,
}

/// An error that prevents the start of the listener.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The endpoints conflict.
    #[error("cannot register the endpoints of the operations listener: {0}")]
    Description(#[from] dropshot::ApiDescriptionBuildErrors),
    /// dropshot does not start, most likely because the address is in use.
    #[error(
        "cannot listen on {address} for the operations listener ({cause}); choose another address with --ops-listen, or disable the listener with --ops-listen off"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The error of dropshot.
        cause: String,
    },
}

/// Listens on `address` (port 0: any free port) until the returned server is closed or dropped.
pub fn start(
    context: Arc<Context>,
    address: SocketAddr,
) -> Result<HttpServer<Arc<Ops>>, StartError> {
    let mut api = ApiDescription::new();
    api.register(healthz)
        .and_then(|()| api.register(readyz))
        .and_then(|()| api.register(metrics))
        .expect("three distinct paths");
    let config = ConfigDropshot {
        bind_address: address,
        default_handler_task_mode: HandlerTaskMode::CancelOnDisconnect,
        ..ConfigDropshot::default()
    };
    let ops = Arc::new(Ops {
        context,
        readiness: ReadinessProbe::default(),
    });
    ServerBuilder::new(api, ops, Logger::root(Discard, o!()))
        .config(config)
        .version_policy(VersionPolicy::Dynamic(Box::new(EndpointPolicy)))
        .start()
        .map_err(|error| StartError::Listen {
            address,
            cause: causes(&error),
        })
}

type EndpointResult = Result<Response<Body>, HttpError>;

/// Refuses unknown paths and methods, because dropshot's own refusals lack the headers.
#[derive(Debug)]
struct EndpointPolicy;

impl DynamicVersionPolicy for EndpointPolicy {
    fn request_extract_version(
        &self,
        request: &hyper::Request<Body>,
        _log: &Logger,
    ) -> Result<Version, HttpError> {
        if request.version() > http::Version::HTTP_11 {
            return Err(refusal::http_version_not_supported());
        }
        match (request.uri().path(), request.method()) {
            ("/healthz" | "/readyz" | "/metrics", &Method::GET) => Ok(Version::new(1, 0, 0)),
            ("/healthz" | "/readyz" | "/metrics", _) => Err(refusal::method_not_allowed("GET")),
            _ => Err(refusal::not_found()),
        }
    }
}

/// The liveness probe: the process responds.
#[endpoint { method = GET, path = "/healthz", unpublished = true }]
async fn healthz(_rqctx: RequestContext<Arc<Ops>>) -> EndpointResult {
    respond(StatusCode::OK, "text/plain", "alive\n".to_owned())
}

/// The readiness probe: the database can be written to and has the schema of this version.
///
/// A server that cannot read the changes of other servers is ready, because it answers correctly from the database. If
/// it were not, a fault that affects all servers would stop a service that works.
#[endpoint { method = GET, path = "/readyz", unpublished = true }]
async fn readyz(rqctx: RequestContext<Arc<Ops>>) -> EndpointResult {
    let Ops { context, readiness } = &**rqctx.context();
    let probe = || async {
        let ready = context.store.check_ready().await;
        ready.map_err(|failure| causes(&failure))
    };
    match readiness.check(Instant::now(), probe).await {
        Ok(()) => {
            let stale_for = context.session_lookup.stale_for(Instant::now());
            respond(StatusCode::OK, "text/plain", ready_body(stale_for))
        }
        Err(reason) => {
            let body = format!("not ready: {reason}\n");
            respond(StatusCode::SERVICE_UNAVAILABLE, "text/plain", body)
        }
    }
}

fn ready_body(stale_for: Option<Duration>) -> String {
    match stale_for {
        None => "ready\n".to_owned(),
        Some(time) => format!(
            "ready, but sessions are not served from memory: the changes of other servers have not been read for {} s\n",
            time.as_secs()
        ),
    }
}

#[endpoint { method = GET, path = "/metrics", unpublished = true }]
async fn metrics(rqctx: RequestContext<Arc<Ops>>) -> EndpointResult {
    let body = rqctx.context().context.metrics.encode();
    respond(StatusCode::OK, &Metrics::content_type(), body)
}

fn respond(status: StatusCode, content_type: &str, body: String) -> EndpointResult {
    Ok(Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, content_type)
        .header(header::CACHE_CONTROL, "no-store")
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
        )
        .header(header::REFERRER_POLICY, "no-referrer")
        .body(body.into())?)
}
