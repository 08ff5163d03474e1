//! HTTP: implements the generated trait on top of [`crate::app`], which does not depend on cookies or credentials.
//!
//! Each handler has the name of its operation and is in the file of its noun.

mod address;
mod authn;
mod cookie;
mod gate;
mod login;
mod logout;
mod origin;
mod panic;
mod server;
mod user;

pub(crate) use self::gate::{operation, template};

use std::sync::Arc;

use dropshot::HttpError;
use pbx_login_api::*;

use self::authn::HandlerArgument as _;
pub(crate) use self::server::description;
pub use self::server::{StartError, start};
use crate::context::Context;

enum Api {}

type RequestContext = dropshot::RequestContext<Arc<Context>>;

type HandlerResult<T, H> = Result<WithHeaders<T, H>, HttpError>;

mod handlers {
    pub(super) use super::{login::*, logout::*, user::*};
}

/// Implements the generated trait: each operation calls the handler with its name.
///
/// Each argument passes through [`authn::HandlerArgument`] first: a credential becomes an [`authn::Actor`], or is
/// refused before another argument is read.
macro_rules! delegate {
    ($(
        fn $operation:ident($($argument:ident: $type:ty),* $(,)?) -> $result:ty;
    )+) => {
        impl PbxLogin for Api {
            type Context = Arc<Context>;

            $(
                // An `async fn` would store its arguments (half a kilobyte) twice.
                fn $operation(
                    rqctx: RequestContext,
                    $($argument: $type),*
                ) -> impl Future<Output = $result> + Send {
                    let peer = rqctx.request.remote_addr();
                    rqctx.context().connections.record_request(peer);
                    panic::catch_panic(async move {
                        $( let $argument = $argument.resolve(&rqctx).await?; )*
                        handlers::$operation(&rqctx, $($argument),*).await
                    })
                }
            )+
        }
    };
}

pbx_login_api::operations!(delegate);
