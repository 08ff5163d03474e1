//! `POST /logout`.

use std::sync::Arc;

use dropshot::{HttpError, RequestContext};
use pbx_login_api::{Credential, LogoutNoContent, LogoutNoContentHeaders, WithHeaders};

use super::{address, cookie};
use crate::app::session;
use crate::context::Context;
use crate::error;
use crate::store::model::Source;

/// Ends the session of the credential and takes the cookie back.
pub(super) async fn logout(
    rqctx: &RequestContext<Arc<Context>>,
    credential: Credential,
) -> Result<WithHeaders<LogoutNoContent, LogoutNoContentHeaders>, HttpError> {
    let context = rqctx.context();
    let token = cookie::credential_token(credential).ok_or_else(error::no_session)?;
    let client = address::client(rqctx);
    let caller = Source::Request(address::caller(rqctx, client));
    session::logout(context, &caller, &token)
        .await
        .map_err(error::session)?;
    let cookie = cookie::clear(client.encrypted);
    Ok(WithHeaders::new(
        LogoutNoContent,
        LogoutNoContentHeaders::new(cookie),
    ))
}
