//! The baseline of session checks: a bare dropshot server.
//!
//! It has one endpoint, which reads a header and returns four constant fields. By default, dropshot runs each handler
//! in a task of its own. With `--tuned`, dropshot has the settings that our server uses, so that the difference is the
//! cost of a session check.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::{Result, anyhow};
use clap::Args;
use dropshot::{
    ApiDescription, ConfigDropshot, ConfigLogging, ConfigLoggingIfExists, ConfigLoggingLevel,
    HandlerTaskMode, HttpError, HttpResponseOk, RequestContext, ServerBuilder, endpoint,
};
use schemars::JsonSchema;
use serde::Serialize;

/// Settings of the baseline
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct Setup {
    /// Configure dropshot as our server does, instead of with its defaults
    #[arg(long)]
    pub(crate) tuned: bool,
    /// Log each request, as dropshot does by default
    #[arg(long)]
    pub(crate) log: bool,
}

#[derive(Serialize, JsonSchema)]
struct Status {
    access_token: String,
    expires_at: String,
    expires_in: i32,
    role: String,
}

#[endpoint { method = GET, path = "/login" }]
async fn status(rqctx: RequestContext<()>) -> Result<HttpResponseOk<Status>, HttpError> {
    if !rqctx
        .request
        .headers()
        .contains_key(http::header::AUTHORIZATION)
    {
        let message = "no token".to_owned();
        return Err(HttpError::for_bad_request(None, message));
    }
    Ok(HttpResponseOk(Status {
        access_token: "0123456789ABCDEF0123456789ABCDEF".to_owned(),
        expires_at: "2026-03-01T08:30:00Z".to_owned(),
        expires_in: 1800,
        role: "StandardUser".to_owned(),
    }))
}

pub(crate) fn serve(setup: Setup) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let logger = if setup.log {
            let logging = ConfigLogging::File {
                level: ConfigLoggingLevel::Info,
                path: "/dev/null".into(),
                if_exists: ConfigLoggingIfExists::Append,
            };
            logging.to_logger("bare")?
        } else {
            slog::Logger::root(slog::Discard, slog::o!())
        };
        let mut api = ApiDescription::new();
        api.register(status)?;
        let mut config = ConfigDropshot {
            bind_address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            ..ConfigDropshot::default()
        };
        if setup.tuned {
            config.default_handler_task_mode = HandlerTaskMode::CancelOnDisconnect;
        }
        let server = ServerBuilder::new(api, (), logger).config(config).start()?;
        anstream::eprintln!("listening on http://{}", server.local_addr());
        server.await.map_err(|error| anyhow!(error))
    })
}
