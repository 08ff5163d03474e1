use dropshot_conformance_driver::{CallError, Outcome, Request};
use pbx_login_client::{Credentials, Error, Session, SessionChecker, User};
use serde_json::{Value, json};

/// Runs a step: `log_in`, `status`, `status_of_another`, `user`, `check` or `log_out`.
///
/// `status_of_another` uses `Session::with_token`, and `check` uses `SessionChecker`.
pub(crate) async fn take_step(step: &str, request: &Request) -> Result<Outcome, CallError> {
    let base = request.base.as_str();
    let token = request.credential.as_deref().unwrap_or_default();
    let taken = match step {
        "log_in" => log_in(request).await?,
        "status" => status(base, token).await,
        "status_of_another" => status_of_another(base, token).await,
        "user" => user(base, token).await,
        "check" => check(base, token).await,
        "log_out" => log_out(base, token).await,
        _ => return Err(CallError::unknown(&request.target)),
    };
    Ok(taken.unwrap_or_else(|error| refused(&error)).into())
}

async fn log_in(request: &Request) -> Result<Result<Value, Error>, CallError> {
    let read = |name| request.arguments.read::<Option<String>>(name);
    let (username, password, domain) = (read("username")?, read("password")?, read("domain")?);
    let credentials = Credentials {
        username: username.as_deref().unwrap_or_default(),
        password: password.as_deref().unwrap_or_default(),
        domain: domain.as_deref(),
    };
    let session = Session::log_in(&request.base, credentials).await;
    let opened =
        |session: Session| json!({ "kind": "Ok", "token": session.access_token().expose() });
    Ok(session.map(opened))
}

async fn status(base: &str, token: &str) -> Result<Value, Error> {
    Ok(shown(&Session::resume(base, token)?.status().await?))
}

async fn status_of_another(base: &str, token: &str) -> Result<Value, Error> {
    let session = Session::resume(base, "")?.with_token(token);
    Ok(shown(&session.status().await?))
}

async fn user(base: &str, token: &str) -> Result<Value, Error> {
    Ok(user_fields(Session::resume(base, token)?.user().await?))
}

async fn check(base: &str, token: &str) -> Result<Value, Error> {
    let user = SessionChecker::new(base)?.check(token).await?;
    Ok(user.map_or_else(|| json!({ "kind": "NoSession" }), user_fields))
}

async fn log_out(base: &str, token: &str) -> Result<Value, Error> {
    Session::resume(base, token)?.log_out().await?;
    Ok(json!({ "kind": "Ok" }))
}

fn shown(status: &pbx_login_client::Status) -> Value {
    json!({
        "kind": "Ok",
        "access_token": status.access_token.expose(),
        "expires_at": status.expires_at,
        "expires_in": status.expires_in.as_secs(),
        "role": status.role,
    })
}

fn refused(error: &Error) -> Value {
    let kind = match error {
        Error::InvalidInput(_) => "InvalidInput",
        Error::Refused(_) => "Refused",
        Error::Expired => "Expired",
        Error::Throttled { wait } => {
            return json!({ "kind": "Throttled", "wait": wait.as_secs() });
        }
        Error::Unreachable(_) => "Unreachable",
        Error::InvalidResponse(_) => "InvalidResponse",
        _ => "another",
    };
    json!({ "kind": kind })
}

/// Returns the fields in the form of the API, without those that are absent.
fn user_fields(user: User) -> Value {
    let mut fields = json!({
        "kind": "Ok",
        "id": user.id,
        "username": user.username,
        "role": user.role,
        "created_at": user.created_at,
    });
    if let Some(tenant) = user.tenant {
        fields["tenant_id"] = json!(tenant.id);
        fields["domain"] = json!(tenant.domain);
    }
    fields
}
