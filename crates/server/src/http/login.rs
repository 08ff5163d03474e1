//! `POST /login` and `GET /login`.

use pbx_login_api::refusal::strict_transport_security;
use pbx_login_api::{
    GetLoginStatusOk, GetLoginStatusOkHeaders, LoginOk, LoginOkHeaders, WithHeaders, types,
};
use zeroize::Zeroizing;

use super::authn::Actor;
use super::{HandlerResult, RequestContext, address, cookie};
use crate::app::login;
use crate::error;

pub(super) async fn login(
    rqctx: &RequestContext,
    body: types::LoginCredentials,
) -> HandlerResult<LoginOk, LoginOkHeaders> {
    let context = rqctx.context();
    let client = address::client(rqctx);
    let attempt = login::Attempt {
        username: &body.username,
        password: body.password.expose(),
        domain: body.domain.as_deref().map(String::as_str),
        previous: cookie::token(rqctx.request.headers()),
        caller: address::caller(rqctx, client),
    };
    let opened = login::login(context, attempt).await.map_err(error::login)?;
    let cookie = cookie::set(&opened.token, opened.expires_in, client.encrypted);
    Ok(WithHeaders::new(
        LoginOk,
        LoginOkHeaders::new(cookie, strict_transport_security()),
    ))
}

pub(super) async fn get_login_status(
    rqctx: &RequestContext,
    actor: Actor,
) -> HandlerResult<GetLoginStatusOk, GetLoginStatusOkHeaders> {
    let cookie = actor.renewed_cookie(rqctx).map(Into::into);
    let role = actor.user().role_name().to_owned();
    let (token, session) = actor.into_parts();
    let body = types::LoginStatus {
        access_token: Some(Zeroizing::from(token).into()),
        expires_at: Some(session.expires_at.into()),
        expires_in: Some(session.expires_in.into()),
        role: Some(role.try_into().map_err(error::contract_violation)?),
    };
    Ok(WithHeaders::new(
        GetLoginStatusOk(body),
        GetLoginStatusOkHeaders::new(cookie, strict_transport_security()),
    ))
}
