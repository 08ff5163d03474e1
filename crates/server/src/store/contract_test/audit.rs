use std::net::IpAddr;

use super::*;
use crate::domain::attempt::{AccountKey, AttemptFilter};
use crate::domain::audit::{AuditEntry, AuditEvent, AuditFilter, Caller, SubjectFilter, UserAgent};
use crate::domain::rate_limit::LimitKind;
use crate::domain::refusal::{Refusal, RefusalCause};
use crate::domain::session::SessionFilter;

fn caller(last: u8) -> Caller {
    Caller {
        address: IpAddr::from([192, 0, 2, last]),
        user_agent: Some(UserAgent::new(b"curl")),
        request_id: format!("r{last}"),
    }
}

pub(super) async fn list(store: &Database, filter: &AuditFilter) -> Vec<AuditEntry> {
    store.list_audit(filter).await.unwrap()
}

pub(super) fn all() -> AuditFilter {
    AuditFilter {
        limit: 1000,
        ..AuditFilter::default()
    }
}

fn line(entry: &AuditEntry) -> String {
    let seconds = |time: DateTime<Utc>| (time - at(0)).num_seconds();
    let span = match entry.last_at == entry.at {
        true => seconds(entry.at).to_string(),
        false => format!("{}..{}", seconds(entry.at), seconds(entry.last_at)),
    };
    let subject =
        [entry.username.as_deref(), entry.domain.as_deref()].map(Option::unwrap_or_default);
    let origin = [
        &entry.operator,
        &entry.address,
        &entry.user_agent,
        &entry.request_id,
    ];
    let origin: Vec<&str> = origin.into_iter().filter_map(Option::as_deref).collect();
    let text = [&entry.cause, &entry.detail].map(|text| text.as_deref().unwrap_or_default());
    let line = format!(
        "{span} {}x {} {} by {} {} {}",
        entry.count,
        entry.event,
        subject.join("@"),
        entry.source,
        origin.join(" "),
        text.concat()
    );
    line.trim_end().to_owned()
}

fn lines(entries: &[AuditEntry]) -> String {
    let lines = entries.iter().map(line);
    lines.collect::<Vec<_>>().join("\n")
}

async fn changes_are_audited(store: &Database) {
    add_tenant(store, "A.example").await;
    let (a, alice) = (domain("a.EXAMPLE"), key("ALICE@a.example"));
    let night = "Night Shift".parse().unwrap();
    store.create_role(&a, &night, &context(1)).await.unwrap();
    add_user(store, "Alice@a.example", "Admin").await;
    add_user(store, "root", "SystemAdmin").await;
    open(store, "alice@a.example", 1, 60).await;
    store
        .set_user_enabled(&alice, false, &context(2))
        .await
        .unwrap();
    store
        .set_user_enabled(&alice, false, &context(3))
        .await
        .unwrap();
    store
        .set_user_enabled(&key("root"), false, &context(3))
        .await
        .unwrap_err();
    store
        .set_user_enabled(&alice, true, &context(4))
        .await
        .unwrap();
    open(store, "alice@a.example", 2, 60).await;
    store
        .set_role(
            &alice.username,
            &membership("alice@a.example", "night shift"),
            &context(5),
        )
        .await
        .unwrap();
    store
        .set_password(&alice, password_hash("other"), &context(6))
        .await
        .unwrap();
    store
        .set_tenant_enabled(&a, false, &context(7))
        .await
        .unwrap();
    store
        .set_tenant_enabled(&a, true, &context(8))
        .await
        .unwrap();
    let which = AttemptFilter {
        user: Some(alice.clone()),
        network: Some(IpAddr::from([192, 0, 2, 1]).into()),
    };
    store.clear_attempts(&which, &context(9)).await.unwrap();
    store.delete_user(&alice, &context(10)).await.unwrap();
    store.delete_role(&a, &night, &context(11)).await.unwrap();
    store.delete_tenant(&a, &context(12)).await.unwrap();
    insta::assert_snapshot!(lines(&list(store, &all()).await), @"
    0 1x tenant-created @A.example by command root (sudo: alice)
    1 1x role-created @a.EXAMPLE by command root (sudo: alice) role Night Shift
    0 1x user-created Alice@a.example by command root (sudo: alice) role Admin
    0 1x user-created root@ by command root (sudo: alice) role SystemAdmin
    0 1x login Alice@A.example by command root (sudo: alice)
    2 1x user-disabled ALICE@a.example by command root (sudo: alice) 1 session ended
    4 1x user-enabled ALICE@a.example by command root (sudo: alice)
    0 1x login Alice@A.example by command root (sudo: alice)
    5 1x role-changed ALICE@a.example by command root (sudo: alice) to night shift; 1 session ended
    6 1x password-changed ALICE@a.example by command root (sudo: alice)
    7 1x tenant-disabled @a.EXAMPLE by command root (sudo: alice)
    8 1x tenant-enabled @a.EXAMPLE by command root (sudo: alice)
    9 1x failures-cleared ALICE@a.example by command root (sudo: alice) 0 failures from 192.0.2.1
    10 1x user-deleted ALICE@a.example by command root (sudo: alice)
    11 1x role-deleted @a.EXAMPLE by command root (sudo: alice) role Night Shift
    12 1x tenant-deleted @a.EXAMPLE by command root (sudo: alice) with 0 users and 0 sessions
    ");
}

async fn logins_and_logouts_are_audited_with_their_client(store: &Database) {
    add_tenant(store, "A.example").await;
    add_user(store, "Alice@a.example", "Admin").await;
    add_user(store, "bob", "Dealer").await;
    let by = |last| AuditContext {
        at: at(3),
        source: Source::Request(caller(last)),
    };
    for number in 1..=3 {
        let login = find(store, "alice@a.example").await.unwrap();
        let session = NewSession {
            source: Source::Request(caller(1)),
            max_sessions: 2,
            ..new_session(&login, number, 60)
        };
        assert_opened(store.open_session(session).await.unwrap());
    }
    open(store, "bob", 4, 60).await;
    open(store, "bob", 5, 2).await;
    assert!(store.close_session(&token(2), &by(2)).await.unwrap());
    assert!(!store.close_session(&token(2), &by(2)).await.unwrap());
    assert!(!store.close_session(&token(5), &by(2)).await.unwrap());
    let of_bob = SessionFilter::OfUser(key("bob"));
    store.revoke_sessions(&of_bob, &context(4)).await.unwrap();
    open(store, "bob", 6, 60).await;
    let live = store.list_sessions(&of_bob, at(4)).await.unwrap();
    let ids = [live[0].id];
    store.revoke_session_ids(&ids, &context(5)).await.unwrap();
    store
        .revoke_session_ids(&ids, &context(5))
        .await
        .unwrap_err();
    open(store, "bob", 7, 60).await;
    open(store, "bob", 8, 60).await;
    store
        .revoke_sessions(&SessionFilter::All, &context(6))
        .await
        .unwrap();
    let entries = list(store, &all()).await;
    let sessions = entries
        .iter()
        .filter(|entry| !["tenant-created", "user-created"].contains(&entry.event.as_str()));
    insta::assert_snapshot!(sessions.map(line).collect::<Vec<_>>().join("\n"), @"
    0 1x login Alice@A.example by request 192.0.2.1 curl r1
    0 1x login Alice@A.example by request 192.0.2.1 curl r1
    0 1x login Alice@A.example by request 192.0.2.1 curl r1
    0 1x session-revoked Alice@A.example by request 192.0.2.1 curl r1 over the maximum number of sessions
    0 1x login bob@ by command root (sudo: alice)
    0 1x login bob@ by command root (sudo: alice)
    3 1x logout Alice@A.example by request 192.0.2.2 curl r2
    4 1x session-revoked bob@ by command root (sudo: alice)
    0 1x login bob@ by command root (sudo: alice)
    5 1x session-revoked bob@ by command root (sudo: alice) session 6
    0 1x login bob@ by command root (sudo: alice)
    0 1x login bob@ by command root (sudo: alice)
    6 1x session-revoked Alice@A.example by command root (sudo: alice)
    6 2x session-revoked bob@ by command root (sudo: alice)
    ");
}

async fn sessions_that_a_login_ends_are_audited(store: &Database) {
    add_tenant(store, "A.example").await;
    add_user(store, "Alice@a.example", "Admin").await;
    add_user(store, "bob", "Dealer").await;
    for number in 1..=5 {
        open(store, "bob", number, 60).await;
    }
    open(store, "bob", 6, 5).await;
    let alice = find(store, "alice@a.example").await.unwrap();
    let bob = find(store, "bob").await.unwrap();
    let opening = async |login, number, replaced, max_sessions| {
        let session = NewSession {
            created_at: at(10),
            replaces: Some(token(replaced)),
            max_sessions,
            source: Source::Request(caller(1)),
            ..new_session(login, number, 60)
        };
        store.open_session(session).await.unwrap()
    };
    // The logins replace a session that never existed, an expired one, and one of another user.
    assert_opened(opening(&alice, 10, 99, 100).await);
    assert_opened(opening(&alice, 11, 6, 100).await);
    assert_opened(opening(&alice, 12, 1, 100).await);
    assert_opened(opening(&bob, 13, 2, 2).await);
    // A refused login ends nothing.
    let changed = LoginRecord {
        password_hash: password_hash("another"),
        ..alice
    };
    assert_eq!(opening(&changed, 14, 12, 1).await, OpenOutcome::Refused);
    let entries = list(store, &all()).await;
    let requests = entries.iter().filter(|entry| entry.source == "request");
    insta::assert_snapshot!(requests.map(line).collect::<Vec<_>>().join("\n"), @"
    10 1x login Alice@A.example by request 192.0.2.1 curl r1
    10 1x login Alice@A.example by request 192.0.2.1 curl r1
    10 1x login Alice@A.example by request 192.0.2.1 curl r1
    10 1x session-revoked bob@ by request 192.0.2.1 curl r1 replaced by another login
    10 1x login bob@ by request 192.0.2.1 curl r1
    10 1x session-revoked bob@ by request 192.0.2.1 curl r1 replaced by another login
    10 2x session-revoked bob@ by request 192.0.2.1 curl r1 over the maximum number of sessions
    ");
}

pub(super) fn refusal(cause: RefusalCause, name: &str, last: u8, seconds: i64) -> Refusal {
    Refusal {
        cause,
        account: AccountKey::new(name, Some("a.example")),
        user: None,
        domain: Some("a.example".to_owned()),
        at: at(seconds),
        caller: caller(last),
        count: 1,
    }
}

async fn refusals_with_one_key_within_a_minute_share_a_row(store: &Database) {
    add_tenant(store, "A.example").await;
    add_user(store, "Alice@a.example", "Admin").await;
    let alice = find(store, "alice@a.example").await.unwrap().user;
    let of_alice = |cause, last, seconds| Refusal {
        user: Some(alice),
        ..refusal(cause, "alice", last, seconds)
    };
    let refusals = vec![
        of_alice(RefusalCause::WrongPassword, 1, 1),
        of_alice(RefusalCause::WrongPassword, 1, 58),
        // A different cause, network, account or minute has its own entry.
        of_alice(RefusalCause::Disabled, 1, 2),
        of_alice(RefusalCause::WrongPassword, 2, 3),
        refusal(RefusalCause::UnknownAccount, "hunter2", 1, 4),
        refusal(RefusalCause::UnknownAccount, "hunter3", 1, 5),
        of_alice(RefusalCause::WrongPassword, 1, 60),
        Refusal {
            domain: Some("hunter2".to_owned()),
            ..refusal(RefusalCause::UnknownAccount, "x", 1, 6)
        },
    ];
    store.record_refusals(refusals).await.unwrap();
    let many = Refusal {
        count: 40,
        ..of_alice(RefusalCause::WrongPassword, 1, 30)
    };
    store.record_refusals(vec![many]).await.unwrap();
    let refused = AuditFilter {
        event: Some(AuditEvent::LoginRefused),
        ..all()
    };
    insta::assert_snapshot!(lines(&list(store, &refused).await), @"
    1..58 42x login-refused Alice@A.example by request 192.0.2.1 curl r1 wrong-password
    2 1x login-refused Alice@A.example by request 192.0.2.1 curl r1 disabled
    3 1x login-refused Alice@A.example by request 192.0.2.2 curl r2 wrong-password
    4 1x login-refused @A.example by request 192.0.2.1 curl r1 unknown-account
    5 1x login-refused @A.example by request 192.0.2.1 curl r1 unknown-account
    60 1x login-refused Alice@A.example by request 192.0.2.1 curl r1 wrong-password
    6 1x login-refused @ by request 192.0.2.1 curl r1 unknown-account
    ");

    // All refusals of a rate-limited network or account share a row.
    let mut limited = Vec::new();
    for number in 0..200 {
        let name = format!("user{number}");
        limited.push(refusal(
            RefusalCause::RateLimited(LimitKind::Network),
            &name,
            1,
            10,
        ));
        limited.push(of_alice(
            RefusalCause::RateLimited(LimitKind::Account),
            number,
            10,
        ));
    }
    limited.push(of_alice(
        RefusalCause::RateLimited(LimitKind::AccountFromNetwork),
        1,
        10,
    ));
    store.record_refusals(limited).await.unwrap();
    let throttled = AuditFilter {
        event: Some(AuditEvent::LoginThrottled),
        ..all()
    };
    insta::assert_snapshot!(lines(&list(store, &throttled).await), @"
    10 200x login-throttled @ by request 192.0.2.1 curl r1 address
    10 200x login-throttled Alice@A.example by request 192.0.2.0 curl r0 account
    10 1x login-throttled Alice@A.example by request 192.0.2.1 curl r1 account-from-address
    ");
}

async fn entries_are_found_by_subject_event_and_time(store: &Database) {
    for tenant in ["a.example", "b.example"] {
        add_tenant(store, tenant).await;
    }
    for (number, user) in ["Bob", "bob@a.example", "bob@b.example", "carol@a.example"]
        .into_iter()
        .enumerate()
    {
        add_user(store, user, if user == "Bob" { "Dealer" } else { "Admin" }).await;
        let login = find(store, user).await.unwrap();
        let session = NewSession {
            created_at: at(10 * i64::try_from(number).unwrap()),
            ..new_session(&login, number as u128, 100)
        };
        assert_opened(store.open_session(session).await.unwrap());
    }
    let found = async |filter: AuditFilter| {
        let entries = list(store, &filter).await;
        let lines = entries.iter().map(|entry| {
            let subject = [entry.username.clone(), entry.domain.clone()];
            let subject: Vec<String> = subject.into_iter().flatten().collect();
            format!("{} {}", entry.event, subject.join("@"))
        });
        lines.collect::<Vec<_>>()
    };
    let of = |username: Option<&str>, domain: Option<&str>| AuditFilter {
        subject: Some(SubjectFilter {
            username: username.map(str::to_owned),
            domain: domain.map(str::to_owned),
        }),
        ..all()
    };
    let logins = AuditFilter {
        event: Some(AuditEvent::Login),
        ..all()
    };
    assert_eq!(
        found(of(Some("bob"), None)).await,
        ["user-created Bob", "login Bob"]
    );
    assert_eq!(
        found(of(Some("bob"), Some("b.example"))).await,
        ["user-created bob@b.example", "login bob@b.example"]
    );
    assert_eq!(
        found(of(None, Some("b.example"))).await,
        [
            "tenant-created b.example",
            "user-created bob@b.example",
            "login bob@b.example"
        ]
    );
    assert_eq!(found(of(Some("dave"), None)).await, [""; 0]);
    let between = AuditFilter {
        since: Some(at(10)),
        until: Some(at(20)),
        ..logins.clone()
    };
    let both = ["login bob@a.example", "login bob@b.example"];
    assert_eq!(found(between).await, both);
    let latest = AuditFilter { limit: 2, ..logins };
    assert_eq!(
        found(latest).await,
        ["login bob@b.example", "login carol@a.example"]
    );
}

super::contract_tests! {
    changes_are_audited
    logins_and_logouts_are_audited_with_their_client
    sessions_that_a_login_ends_are_audited
    refusals_with_one_key_within_a_minute_share_a_row
    entries_are_found_by_subject_event_and_time
}
