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

/// An error that prevents the start of the server.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Two operations conflict.
    #[error("cannot register the API: {0}")]
    Description(#[from] dropshot::ApiDescriptionBuildErrors),
    /// dropshot does not start, most likely because the address is in use.
    #[error(
        "cannot listen on {address} ({cause}); free the address or choose another with --listen"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The error of dropshot.
        cause: String,
    },
}

pub(crate) fn description()
-> Result<ApiDescription<Arc<Context>>, dropshot::ApiDescriptionBuildErrors> {
    pbx_login::api_description::<Api>()
}

/// Listens on `address` (port 0: any free port) and serves until the returned server is closed.
pub fn start(
    context: Arc<Context>,
    address: SocketAddr,
    tls: Option<ConfigTls>,
    log: slog::Logger,
) -> Result<HttpServer<Arc<Context>>, StartError> {
    let config = ConfigDropshot {
        bind_address: address,
        default_request_body_max_bytes: BODY_LIMIT,
        // The request of a disconnected client is cancelled, so that its password is not hashed. This is safe, because
        // each method of the store is atomic.
        default_handler_task_mode: HandlerTaskMode::CancelOnDisconnect,
        ..ConfigDropshot::default()
    };
    let gate = Gate::new(Arc::clone(&context));
    ServerBuilder::new(description()?, context, log)
        .config(config)
        .tls(tls)
        .version_policy(VersionPolicy::Dynamic(Box::new(gate)))
        .start()
        .map_err(|error| StartError::Listen {
            address,
            cause: causes(&error),
        })
}
