//! HTTP: the generated trait on one side, [`crate::app`] on the other.
//!
//! A handler turns what came over the wire into what `app` asks for, calls it, and turns the answer back: cookies and
//! credentials are known here and nowhere below. Each handler is in the file of its noun; `delegate!` names it.

mod address;
mod authn;
mod cookie;
mod gate;
mod login;
mod logout;
mod panic;
mod server;

pub(crate) use self::gate::{operation, template};

use std::sync::Arc;

use dropshot::HttpError;
use pbx_login_api::{self as api, Credential, JsonBody, PbxLogin, WithHeaders, types};

use self::authn::Admit as _;
pub use self::server::{StartError, description, start};
use crate::context::Context;

/// The API as this server serves it.
enum Api {}

/// A request, with what all handlers share.
type RequestContext = dropshot::RequestContext<Arc<Context>>;

/// A success with its headers, or a refusal.
type Answer<T, H> = Result<WithHeaders<T, H>, HttpError>;

/// Implements the generated trait: names the handler of each operation.
///
/// The handler is called with the request and with every argument, each of which passes through [`authn::Admit`] first: a
/// credential becomes an [`authn::Actor`], and is refused before the handler sees another argument. A handler that
/// panics is answered 500.
macro_rules! delegate {
    ($(
        $operation:ident($($argument:ident: $type:ty),*) -> $answer:ty => $handler:path;
    )+) => {
        impl PbxLogin for Api {
            type Context = Arc<Context>;

            $(
                // Not an `async fn`, which would hold its arguments twice: half a kilobyte that is moved several times.
                fn $operation(
                    rqctx: RequestContext,
                    $($argument: $type),*
                ) -> impl Future<Output = $answer> + Send {
                    panic::catch_panic(async move {
                        $( let $argument = $argument.admit(&rqctx).await?; )*
                        $handler(&rqctx, $($argument),*).await
                    })
                }
            )+
        }
    };
}

delegate! {
    login(body: JsonBody<types::LoginCredentials>) -> Answer<api::LoginOk, api::LoginOkHeaders>
        => login::login;
    get_login_status(credential: Credential) -> Answer<api::GetLoginStatusOk, api::GetLoginStatusOkHeaders>
        => login::get_login_status;
    logout(credential: Credential) -> Answer<api::LogoutNoContent, api::LogoutNoContentHeaders>
        => logout::logout;
}
