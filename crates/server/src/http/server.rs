//! Starting the HTTP server.

use std::net::SocketAddr;
use std::sync::Arc;

use dropshot::{
    ApiDescription, ConfigDropshot, ConfigTls, HandlerTaskMode, HttpServer, ServerBuilder,
    VersionPolicy,
};
use pbx_login_api::{BODY_LIMIT, pbx_login};

use super::{Api, gate::Gate};
use crate::context::Context;
use crate::error::causes;

/// The server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Two operations contradict each other.
    #[error("the API cannot be registered: {0}")]
    Description(#[from] dropshot::ApiDescriptionBuildErrors),
    /// Most likely the address cannot be listened on.
    #[error(
        "cannot listen on {address} ({cause}); free the address or choose another with --listen"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What dropshot reports.
        cause: String,
    },
}

/// The operations of the contract, as they are registered with dropshot.
///
/// # Errors
///
/// If two operations contradict each other, which the generated trait rules out.
pub fn description() -> Result<ApiDescription<Arc<Context>>, dropshot::ApiDescriptionBuildErrors> {
    pbx_login::api_description::<Api>()
}

/// Listens on `address` (port 0 for any free one) and serves until the returned server is closed: over TLS, if there is a
/// certificate for it ([`dropshot::HttpServer::refresh_tls`] takes another one).
///
/// # Errors
///
/// See [`StartError`].
pub fn start(
    context: Arc<Context>,
    address: SocketAddr,
    tls: Option<ConfigTls>,
    log: slog::Logger,
) -> Result<HttpServer<Arc<Context>>, StartError> {
    let config = ConfigDropshot {
        bind_address: address,
        default_request_body_max_bytes: BODY_LIMIT,
        // If the client has gone, its request is cancelled: a password that is not yet hashed is not hashed. What has
        // reached the store is done there as a whole or not at all.
        default_handler_task_mode: HandlerTaskMode::CancelOnDisconnect,
        ..ConfigDropshot::default()
    };
    ServerBuilder::new(description()?, context, log)
        .config(config)
        .tls(tls)
        .version_policy(VersionPolicy::Dynamic(Box::new(Gate::new())))
        .start()
        .map_err(|error| StartError::Listen {
            address,
            cause: causes(&error),
        })
}
