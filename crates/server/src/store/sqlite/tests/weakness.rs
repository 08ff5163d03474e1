//! The recorded weakness of a password.

use chrono::TimeDelta;

use super::*;
use crate::domain::password::{PasswordHash, PasswordWeakness};
use crate::domain::role::SystemRole;
use crate::domain::session::{NewSession, OpenOutcome};
use crate::domain::user::{Membership, NewUser};
use crate::store::session::Sessions as _;
use crate::store::user::Users as _;
use crate::token::Token;

async fn log_in(
    store: &Sqlite,
    number: u128,
    password_weakness: Option<PasswordWeakness>,
) -> Result<OpenOutcome, StoreFailure> {
    let login = store.find_login("bob", None).await.unwrap().unwrap();
    let session = NewSession {
        token: Token::parse(&format!("{number:032X}")).unwrap().hash(),
        user: login.user,
        password_hash: login.password_hash,
        password_weakness,
        created_at: now(),
        expires_at: now() + TimeDelta::seconds(60),
        replaces: None,
        reservation: None,
        max_sessions: 10,
        source: context().source,
    };
    store.open_session(session).await
}

#[tokio::test]
async fn login_writes_the_weakness_of_a_password_only_if_it_changed() {
    let scratch = scratch();
    let store = open(&scratch.path);
    let bob = NewUser {
        public_id: id(),
        username: "bob".parse().unwrap(),
        membership: Membership::System(SystemRole::Dealer),
        password_hash: PasswordHash::from_store("h".to_owned()),
    };
    store.create_user(bob, &context()).await.unwrap();
    let common = Some(PasswordWeakness::Common);
    log_in(&store, 1, common).await.unwrap();
    let forbid = "
        CREATE TRIGGER forbid BEFORE UPDATE ON users BEGIN SELECT raise(ABORT, 'written'); END";
    let forbidden = store.write(move |step| Ok::<_, StoreFailure>(step.execute_batch(forbid)?));
    forbidden.await.unwrap();
    log_in(&store, 2, common).await.unwrap();
    assert_eq!(
        cause(&log_in(&store, 3, None).await.unwrap_err()),
        "written"
    );
}
