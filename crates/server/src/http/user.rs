//! `GET /user`.

use pbx_login_api::refusal::strict_transport_security;
use pbx_login_api::{ShowCurrentUserOk, ShowCurrentUserOkHeaders, WithHeaders, types};

use super::authn::Actor;
use super::{HandlerResult, RequestContext};
use crate::domain::session::SessionUser;
use crate::error;

pub(super) async fn show_current_user(
    rqctx: &RequestContext,
    actor: Actor,
) -> HandlerResult<ShowCurrentUserOk, ShowCurrentUserOkHeaders> {
    let cookie = actor.renewed_cookie(rqctx).map(Into::into);
    let user = current_user(actor.user()).map_err(error::contract_violation)?;
    Ok(WithHeaders::new(
        ShowCurrentUserOk(user),
        ShowCurrentUserOkHeaders::new(cookie, strict_transport_security()),
    ))
}

fn current_user(user: &SessionUser) -> Result<types::CurrentUser, types::error::ConversionError> {
    Ok(types::CurrentUser {
        id: user.public_id.to_string().try_into()?,
        username: user.username.as_typed().to_owned(),
        tenant_id: user
            .tenant_id
            .map(|id| id.to_string().try_into())
            .transpose()?,
        domain: user
            .domain()
            .map(|domain| domain.as_typed().parse())
            .transpose()?,
        role: user.role_name().parse()?,
        created_at: user.created_at.into(),
    })
}
