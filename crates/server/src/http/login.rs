//! `POST /login` and `GET /login`.

use std::sync::Arc;

use dropshot::{HttpError, RequestContext};
use pbx_login_api::{
    Credential, GetLoginStatusOk, GetLoginStatusOkHeaders, LoginOk, LoginOkHeaders, WithHeaders,
    types,
};
use zeroize::Zeroizing;

use super::{address, cookie};
use crate::app::{login, session};
use crate::context::Context;
use crate::error;

/// Opens a session and hands its token out as a cookie.
pub(super) async fn login(
    rqctx: &RequestContext<Arc<Context>>,
    body: types::LoginCredentials,
) -> Result<WithHeaders<LoginOk, LoginOkHeaders>, HttpError> {
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
    Ok(WithHeaders::new(LoginOk, LoginOkHeaders::new(cookie)))
}

/// Tells how the session of the credential stands.
pub(super) async fn get_login_status(
    rqctx: &RequestContext<Arc<Context>>,
    credential: Credential,
) -> Result<WithHeaders<GetLoginStatusOk, GetLoginStatusOkHeaders>, HttpError> {
    let context = rqctx.context();
    let by_cookie = matches!(credential, Credential::SessionCookie(_));
    let token = cookie::credential_token(credential).ok_or_else(error::no_session)?;
    let status = session::status(context, &token)
        .await
        .map_err(error::session)?;
    // Also where nothing was extended now: another may have extended it by the bearer token.
    let renewed = (by_cookie && context.sessions_slide()).then(|| {
        let secure = address::client(rqctx).encrypted;
        cookie::set(&token, status.expires_in, secure).into()
    });
    let body = types::LoginStatus {
        access_token: Some(Zeroizing::from(token).into()),
        expires_at: Some(status.expires_at.into()),
        expires_in: Some(status.expires_in.into()),
        role: Some(status.role.try_into().map_err(error::off_contract)?),
    };
    Ok(WithHeaders::new(
        GetLoginStatusOk(body),
        GetLoginStatusOkHeaders::new(renewed),
    ))
}
