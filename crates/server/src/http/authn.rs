//! Authentication: converts the credential of a request to an [`Actor`].
//!
//! Every argument of an operation passes through [`HandlerArgument`] before the handler receives it. A [`Credential`]
//! becomes an `Actor`, which only this module creates. The handler of a secured operation therefore always receives an
//! actor with a live session.

use dropshot::HttpError;
use dropshot_codegen_runtime::{Extracted, JsonBody};
use pbx_login_api::{Credential, refusal};

use super::{RequestContext, address, cookie, origin};
use crate::app::session::{self, Status};
use crate::domain::session::SessionUser;
use crate::error;
use crate::token::Token;

/// The operations that do not extend a sliding session, because they end it.
const NOT_EXTENDING: [&str; 1] = ["logout"];

/// The authenticated caller of a secured operation.
#[derive(Debug)]
pub(super) struct Actor {
    token: Token,
    session: Status,
    carrier: Carrier,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carrier {
    Bearer,
    Cookie,
}

impl Actor {
    /// Authenticates the caller. A sliding session is extended unless the operation ends it.
    ///
    /// A cookie is refused if a page of another origin sent a request that changes something.
    async fn authenticate(
        rqctx: &RequestContext,
        credential: Credential,
    ) -> Result<Self, HttpError> {
        let (secret, carrier) = match credential {
            Credential::BearerToken(secret) => (secret, Carrier::Bearer),
            Credential::SessionCookie(secret) => (secret, Carrier::Cookie),
        };
        let request = &rqctx.request;
        if carrier == Carrier::Cookie
            && !origin::permits_cookie(request.method(), request.uri(), request.headers())
        {
            return Err(refusal::forbidden(origin::CROSS_ORIGIN_MESSAGE));
        }
        let token = Token::from_text(secret.into()).ok_or_else(error::no_session)?;
        let extend = !NOT_EXTENDING.contains(&rqctx.endpoint.operation_id.as_str());
        let session = session::authenticate(rqctx.context(), &token, extend).await;
        Ok(Self {
            token,
            session: session.map_err(error::session)?,
            carrier,
        })
    }

    pub(super) fn user(&self) -> &SessionUser {
        &self.session.user
    }

    pub(super) fn token(&self) -> &Token {
        &self.token
    }

    pub(super) fn into_parts(self) -> (Token, Status) {
        (self.token, self.session)
    }

    /// Returns the cookie for a sliding session, if the request sent a cookie.
    ///
    /// It is sent even if this request did not extend the session, because a request with the bearer token may have
    /// extended it.
    pub(super) fn renewed_cookie(&self, rqctx: &RequestContext) -> Option<String> {
        let renew = self.carrier == Carrier::Cookie && rqctx.context().sessions_slide();
        renew.then(|| {
            let secure = address::client(rqctx).encrypted;
            cookie::set(&self.token, self.session.expires_in, secure)
        })
    }
}

/// An argument of an operation of the generated trait.
pub(super) trait HandlerArgument {
    type Value;

    /// Converts the argument for the handler, or refuses the request.
    fn resolve(
        self,
        rqctx: &RequestContext,
    ) -> impl Future<Output = Result<Self::Value, HttpError>> + Send;
}

impl HandlerArgument for Credential {
    type Value = Actor;

    fn resolve(
        self,
        rqctx: &RequestContext,
    ) -> impl Future<Output = Result<Actor, HttpError>> + Send {
        Actor::authenticate(rqctx, self)
    }
}

impl<T: Send, R> HandlerArgument for JsonBody<T, R> {
    type Value = T;

    async fn resolve(self, _: &RequestContext) -> Result<T, HttpError> {
        self.into_inner()
    }
}

impl<E: Send, R> HandlerArgument for Extracted<E, R> {
    type Value = E;

    async fn resolve(self, _: &RequestContext) -> Result<E, HttpError> {
        self.into_inner()
    }
}

#[cfg(test)]
mod tests {
    use pbx_login_api::OPERATIONS;

    use super::*;

    #[test]
    fn operation_that_does_not_extend_a_session_is_in_the_contract() {
        for id in NOT_EXTENDING {
            assert!(
                OPERATIONS.iter().any(|operation| operation.id == id),
                "{id}"
            );
        }
    }
}
