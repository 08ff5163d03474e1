//! A service that binds each token to a tenant: users see only the mailboxes of their own tenant.
//!
//! ```text
//! cargo run -p pbx-login-client --example mailboxes -- [--login URL]
//! curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:8890/mailboxes
//! ```
//!
//! The tenant comes from the session, never from the request, so that no request can name another tenant.

use std::collections::HashMap;

use anyhow::{Context as _, anyhow, bail};
use dropshot::{
    ApiDescription, ConfigDropshot, ConfigLogging, ConfigLoggingLevel, HttpError, HttpResponseOk,
    RequestContext, ServerBuilder, endpoint,
};
use pbx_login_client::{SessionChecker, Tenant};

const USAGE: &str = "usage: mailboxes [--login URL]";

struct Service {
    checker: SessionChecker,
    /// The mailboxes of each tenant, by the id of the tenant.
    mailboxes: HashMap<String, Vec<String>>,
}

/// Lists the mailboxes of the tenant of the caller.
#[endpoint { method = GET, path = "/mailboxes" }]
async fn list_mailboxes(
    request: RequestContext<Service>,
) -> Result<HttpResponseOk<Vec<String>>, HttpError> {
    let service = request.context();
    let tenant = authenticate(&request).await?;
    let mailboxes = service.mailboxes.get(&tenant.id).cloned();
    Ok(HttpResponseOk(mailboxes.unwrap_or_default()))
}

/// Returns the tenant of the session, or the response that refuses the request.
async fn authenticate(request: &RequestContext<Service>) -> Result<Tenant, HttpError> {
    let header = request.request.headers().get("authorization");
    let token = header
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .unwrap_or_default();
    match request.context().checker.check(token).await {
        Ok(Some(user)) => user.tenant.ok_or_else(|| {
            let message = "only users of a tenant have mailboxes".to_owned();
            HttpError::for_client_error(None, dropshot::ClientErrorStatusCode::FORBIDDEN, message)
        }),
        Ok(None) => Err(HttpError::for_client_error(
            None,
            dropshot::ClientErrorStatusCode::UNAUTHORIZED,
            "no live session".to_owned(),
        )),
        // The session may be live, so this is not a 401.
        Err(error) => Err(HttpError::for_unavail(None, error.to_string())),
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let login = match arguments[..] {
        [] => "http://127.0.0.1:8887",
        ["--login", url] => url,
        _ => bail!("{USAGE}"),
    };
    let mut api = ApiDescription::new();
    api.register(list_mailboxes)?;
    let service = Service {
        checker: SessionChecker::new(login)?,
        mailboxes: HashMap::new(),
    };
    let log = ConfigLogging::StderrTerminal {
        level: ConfigLoggingLevel::Info,
    };
    let server = ServerBuilder::new(api, service, log.to_logger("mailboxes")?)
        .config(ConfigDropshot {
            bind_address: "127.0.0.1:8890".parse()?,
            ..ConfigDropshot::default()
        })
        .start()
        .context("cannot start the server")?;
    server.await.map_err(|error| anyhow!(error))
}
