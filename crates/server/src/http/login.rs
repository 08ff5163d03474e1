//! `POST /login` and `GET /login`.

use std::sync::Arc;

use dropshot::{HttpError, HttpResponseHeaders, RequestContext};
use pbx_login_api::{
    Credential, GetLoginStatusOk, GetLoginStatusOkHeaders, LoginOk, LoginOkHeaders, types,
};

use super::{address, cookie};
use crate::app::{login, session};
use crate::context::Context;
use crate::error;

/// Opens a session and hands its token out as a cookie.
pub(super) async fn login(
    rqctx: &RequestContext<Arc<Context>>,
    body: types::LoginCredentials,
) -> Result<HttpResponseHeaders<LoginOk, LoginOkHeaders>, HttpError> {
    let context = rqctx.context();
    let (peer, headers) = (rqctx.request.remote_addr().ip(), rqctx.request.headers());
    let client = address::client(peer, headers, &context.trusted_proxies);
    let attempt = login::Attempt {
        username: &body.username,
        password: body.password.expose(),
        domain: body.domain.as_deref().map(String::as_str),
        previous: cookie::token(headers),
        from: client.address,
    };
    let opened = login::login(context, attempt).await.map_err(error::login)?;
    let secure = context.secure_cookie || client.encrypted;
    let cookie = cookie::set(&opened.token, opened.expires_in, secure);
    Ok(HttpResponseHeaders::new(
        LoginOk,
        LoginOkHeaders::new(cookie),
    ))
}

/// Tells how the session of the credential stands.
pub(super) async fn get_login_status(
    rqctx: &RequestContext<Arc<Context>>,
    credential: &Credential,
) -> Result<HttpResponseHeaders<GetLoginStatusOk, GetLoginStatusOkHeaders>, HttpError> {
    let token = cookie::credential_token(credential).ok_or_else(error::no_session)?;
    let status = session::status(rqctx.context(), &token)
        .await
        .map_err(error::session)?;
    let body = types::LoginStatus {
        access_token: Some(token.expose().to_owned().into()),
        expires_at: Some(status.expires_at.into()),
        expires_in: Some(status.expires_in.into()),
        role: Some(status.role.try_into().map_err(error::off_contract)?),
    };
    Ok(HttpResponseHeaders::new(
        GetLoginStatusOk(body),
        GetLoginStatusOkHeaders::new(),
    ))
}
