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

/// An answer with its headers, or a refusal.
type Answer<T, H> = Result<WithHeaders<T, H>, HttpError>;

impl PbxLogin for Api {
    type Context = Arc<Context>;

    async fn login(
        rqctx: RequestContext<Arc<Context>>,
        body: JsonBody<types::LoginCredentials>,
    ) -> Answer<api::LoginOk, api::LoginOkHeaders> {
        panic::caught(login::login(&rqctx, body.into_inner())).await
    }

    #[expect(
        clippy::manual_async_fn,
        reason = "an `async fn` holds its arguments twice: half a kilobyte that is moved several times a check"
    )]
    fn get_login_status(
        rqctx: RequestContext<Arc<Context>>,
        credential: Credential,
    ) -> impl Future<Output = Answer<api::GetLoginStatusOk, api::GetLoginStatusOkHeaders>> + Send
    {
        async move { panic::caught(login::get_login_status(&rqctx, credential)).await }
    }

    async fn logout(
        rqctx: RequestContext<Arc<Context>>,
        credential: Credential,
    ) -> Answer<api::LogoutNoContent, api::LogoutNoContentHeaders> {
        panic::caught(logout::logout(&rqctx, credential)).await
    }
}
