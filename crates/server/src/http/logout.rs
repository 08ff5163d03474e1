//! `POST /logout`.

use pbx_login_api::refusal::strict_transport_security;
use pbx_login_api::{LogoutNoContent, LogoutNoContentHeaders, WithHeaders};

use super::authn::Actor;
use super::{HandlerResult, RequestContext, address, cookie};
use crate::app::session;
use crate::domain::audit::Source;
use crate::error;

pub(super) async fn logout(
    rqctx: &RequestContext,
    actor: Actor,
) -> HandlerResult<LogoutNoContent, LogoutNoContentHeaders> {
    let client = address::client(rqctx);
    let source = Source::Request(address::caller(rqctx, client));
    session::logout(rqctx.context(), &source, actor.token())
        .await
        .map_err(error::session)?;
    let cookie = cookie::clear(client.encrypted);
    Ok(WithHeaders::new(
        LogoutNoContent,
        LogoutNoContentHeaders::new(cookie, strict_transport_security()),
    ))
}
