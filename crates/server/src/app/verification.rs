//! Verification of a password.

use super::LoginError;
use super::admission::Admission;
use crate::context::Context;
use crate::domain::password::{Password, PasswordHash, Secret};
use crate::domain::refusal::RefusalCause;
use crate::domain::user::{LoginRecord, UserId};
use crate::password::{HashPermit, HasherError};

/// A user whose password was verified.
pub(super) struct VerifiedUser {
    pub(super) user: UserId,
    /// The hash that was verified, or the one that replaced it.
    pub(super) password_hash: PasswordHash,
}

/// Verifies the password of an admitted login, and ends the admission unless it is correct.
pub(super) async fn verify<'a>(
    context: &Context,
    (admission, permit): (Admission<'a>, HashPermit),
    password: &str,
    record: Option<LoginRecord>,
) -> Result<(Admission<'a>, VerifiedUser), LoginError> {
    match verify_password(context, permit, password, record).await {
        Ok(Ok(verified)) => Ok((admission, verified)),
        Ok(Err(cause)) => Err(admission.refuse(cause).await),
        Err(error) => {
            admission.release().await;
            Err(error.into())
        }
    }
}

/// Verifies a password, with the same work whether or not the user exists.
async fn verify_password(
    context: &Context,
    permit: HashPermit,
    password: &str,
    record: Option<LoginRecord>,
) -> Result<Result<VerifiedUser, RefusalCause>, HasherError> {
    let hash = record.as_ref().map(|record| &record.password_hash);
    let verified = context.hasher.verify(&permit, password, hash).await?;
    let record = match record {
        None => return Ok(Err(RefusalCause::UnknownAccount)),
        Some(_) if !verified.matches => return Ok(Err(RefusalCause::WrongPassword)),
        Some(record) if !record.enabled => return Ok(Err(RefusalCause::Disabled)),
        Some(record) => record,
    };
    let rehashed = if verified.outdated {
        rehash(context, &permit, password, &record).await
    } else {
        None
    };
    Ok(Ok(VerifiedUser {
        user: record.user,
        password_hash: rehashed.unwrap_or(record.password_hash),
    }))
}

/// Replaces the hash of a verified password with one of the current cost.
///
/// Returns `None` if that fails or the hash was changed meanwhile: the next login tries again, and the store checks the
/// hash before it opens the session.
async fn rehash(
    context: &Context,
    permit: &HashPermit,
    password: &str,
    record: &LoginRecord,
) -> Option<PasswordHash> {
    let password = Password::new(Secret::new(password.to_owned())).ok()?;
    let hashed = context.hasher.hash(permit, &password, &*context.random);
    let rehashed = hashed.await.ok()?;
    let replaced =
        context
            .store
            .replace_password_hash(record.user, &record.password_hash, &rehashed);
    replaced.await.ok()?.then_some(rehashed)
}
