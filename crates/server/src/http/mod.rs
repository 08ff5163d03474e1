//! HTTP: the generated trait on one side, [`crate::app`] on the other.
//!
//! A handler turns what came over the wire into what `app` asks for, calls it, and turns the answer back: cookies and
//! credentials are known here and nowhere below. Each operation stands in the file of its noun; the `impl` in this file
//! only says which is which.

mod address;
mod cookie;
mod gate;
mod login;
mod logout;
mod panic;
mod server;

pub(crate) use self::gate::{operation, template};

use std::sync::Arc;

use dropshot::{HttpError, RequestContext};
use pbx_login_api::{self as api, Credential, JsonBody, PbxLogin, WithHeaders, types};

pub use self::server::{StartError, description, start};
use crate::context::Context;

/// The API as this server serves it.
enum Api {}

impl PbxLogin for Api {
    type Context = Arc<Context>;

    async fn login(
        rqctx: RequestContext<Arc<Context>>,
        body: JsonBody<types::LoginCredentials>,
    ) -> Result<WithHeaders<api::LoginOk, api::LoginOkHeaders>, HttpError> {
        panic::caught(login::login(&rqctx, body.into_inner())).await
    }

    async fn get_login_status(
        rqctx: RequestContext<Arc<Context>>,
        credential: Credential,
    ) -> Result<WithHeaders<api::GetLoginStatusOk, api::GetLoginStatusOkHeaders>, HttpError> {
        panic::caught(login::get_login_status(&rqctx, credential)).await
    }

    async fn logout(
        rqctx: RequestContext<Arc<Context>>,
        credential: Credential,
    ) -> Result<WithHeaders<api::LogoutNoContent, api::LogoutNoContentHeaders>, HttpError> {
        panic::caught(logout::logout(&rqctx, credential)).await
    }
}
