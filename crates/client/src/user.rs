//! The user of a session.

use chrono::{DateTime, Utc};

use crate::error::{Error, Unauthorized};
use crate::generated::{Client, types};

/// The user of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The id: opaque, never changed and never reused.
    pub id: String,
    /// The name, as it was typed when the user was created.
    pub username: String,
    /// The user's tenant; `None` for a system user.
    pub tenant: Option<Tenant>,
    /// The name of the role.
    pub role: String,
    /// The time at which the user was created.
    pub created_at: DateTime<Utc>,
}

/// The tenant of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// The id: opaque, never changed and never reused. Bind data of a tenant to this id, not to the domain.
    pub id: String,
    /// The SIP domain, as it was typed when the tenant was created.
    pub domain: String,
}

impl User {
    /// Requests the user of the session whose token `client` sends.
    pub(crate) async fn request(client: &Client) -> Result<Self, Error> {
        let response = client
            .show_current_user()
            .await
            .map_err(|error| Error::from_call(error, Unauthorized::Expired))?
            .into_inner();
        Self::try_from(response)
    }
}

impl TryFrom<types::CurrentUser> for User {
    type Error = Error;

    fn try_from(user: types::CurrentUser) -> Result<Self, Error> {
        let tenant = match (user.tenant_id, user.domain) {
            (Some(id), Some(domain)) => Some(Tenant {
                id: id.to_string(),
                domain: domain.to_string(),
            }),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                return Err(Error::InvalidResponse(
                    "the user has only one of tenant_id and domain".to_owned(),
                ));
            }
        };
        Ok(Self {
            id: user.id.to_string(),
            username: user.username,
            tenant,
            role: user.role.to_string(),
            created_at: *user.created_at,
        })
    }
}
