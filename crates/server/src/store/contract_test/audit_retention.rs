use super::audit::{all, list, refusal};
use super::*;
use crate::domain::audit::{AuditEvent, AuditFilter, AuditSweep, SubjectFilter};
use crate::domain::rate_limit::LimitKind;
use crate::domain::refusal::{Refusal, RefusalCause};

async fn sweep_deletes_old_and_excess_entries(store: &Database) {
    add_user(store, "bob", "Dealer").await;
    for number in 0..10_u8 {
        let refusal = refusal(RefusalCause::UnknownAccount, "x", number, i64::from(number));
        store.record_refusals(vec![refusal]).await.unwrap();
    }
    for number in 1..=4 {
        let login = find(store, "bob").await.unwrap();
        let session = NewSession {
            created_at: at(20),
            ..new_session(&login, number, 100)
        };
        assert_opened(store.open_session(session).await.unwrap());
    }
    let sweep = async |before, max_rows, batch| {
        let plan = AuditSweep {
            before: at(before),
            max_rows,
            max_days: 1000,
            batch,
        };
        store.sweep_audit(&plan).await.unwrap()
    };
    assert_eq!(sweep(-1, 100, 100).await, 0);
    // The sweep deletes the creation of the user, and the first refusal.
    assert_eq!(sweep(0, 100, 100).await, 2);
    // Nine refusals and four logins are left: a flood of refusals displaces no logins.
    assert_eq!(sweep(0, 4, 3).await, 3);
    assert_eq!(sweep(0, 4, 3).await, 2);
    assert_eq!(sweep(0, 4, 3).await, 0);
    assert_eq!(list(store, &all()).await.len(), 8);
    let oldest = list(store, &all()).await.swap_remove(0);
    assert_eq!(oldest.at, at(6));
    assert_eq!(sweep(0, 2, 100).await, 4);
    assert_eq!(sweep(20, 100, 100).await, 4);
}

const DAY: i64 = 86_400;

/// Returns daily counts, with days since the first one.
async fn refusal_days(store: &Database, filter: &AuditFilter) -> Vec<String> {
    let days = store.list_refusal_days(filter).await.unwrap();
    let lines = days.iter().map(|day| {
        let subject = [day.username.as_deref(), day.domain.as_deref()];
        format!(
            "{} {}x {} {} {}",
            (day.day - at(0).date_naive()).num_days(),
            day.count,
            day.event,
            day.cause,
            subject.map(Option::unwrap_or_default).join("@"),
        )
    });
    lines.collect()
}

async fn deleted_refusals_are_counted_by_day_and_subject(store: &Database) {
    add_tenant(store, "A.example").await;
    add_user(store, "Alice@a.example", "Admin").await;
    add_user(store, "bob", "Dealer").await;
    let alice = find(store, "alice@a.example").await.unwrap().user;
    let bob = find(store, "bob").await.unwrap().user;
    let of = |user, cause, last, seconds| Refusal {
        user: Some(user),
        count: 10,
        ..refusal(cause, "x", last, seconds)
    };
    let wrong = RefusalCause::WrongPassword;
    let limited = RefusalCause::RateLimited(LimitKind::Account);
    let refusals = vec![
        of(alice, wrong, 1, 0),
        of(alice, wrong, 2, 60),
        of(alice, limited, 2, 120),
        of(bob, wrong, 1, 180),
        refusal(RefusalCause::UnknownAccount, "hunter2", 1, 240),
        refusal(RefusalCause::RateLimited(LimitKind::Network), "x", 1, 300),
        of(alice, wrong, 3, DAY),
        of(alice, wrong, 4, DAY + 60),
    ];
    store.record_refusals(refusals).await.unwrap();
    let sweep = async |before, max_rows, max_days, batch| {
        let plan = AuditSweep {
            before: at(before),
            max_rows,
            max_days,
            batch,
        };
        store.sweep_audit(&plan).await.unwrap()
    };
    // The three creations are not refusals, so they are not counted.
    assert_eq!(sweep(-1, 8, 100, 100).await, 0);
    assert_eq!(refusal_days(store, &all()).await, [""; 0]);
    assert_eq!(sweep(-1, 3, 100, 3).await, 3);
    let first = [
        "0 20x login-refused wrong-password Alice@A.example",
        "0 10x login-throttled account Alice@A.example",
    ];
    assert_eq!(refusal_days(store, &all()).await, first);
    // The sweep deletes four more entries of refusals, and one creation.
    assert_eq!(sweep(-1, 1, 100, 100).await, 4 + 2);
    let listed = refusal_days(store, &all()).await;
    insta::assert_snapshot!(listed.join("\n"), @"
    0 20x login-refused wrong-password Alice@A.example
    0 10x login-throttled account Alice@A.example
    0 10x login-refused wrong-password bob@
    0 1x login-refused unknown-account @A.example
    0 1x login-throttled address @
    1 10x login-refused wrong-password Alice@A.example
    ");

    let by_user = |username: Option<&str>, domain: Option<&str>| AuditFilter {
        subject: Some(SubjectFilter {
            username: username.map(str::to_owned),
            domain: domain.map(str::to_owned),
        }),
        ..all()
    };
    let bobs = refusal_days(store, &by_user(Some("bob"), None)).await;
    assert_eq!(bobs, ["0 10x login-refused wrong-password bob@"]);
    let tenants = refusal_days(store, &by_user(None, Some("a.example"))).await;
    assert_eq!(tenants.len(), 4, "{tenants:?}");
    let later = AuditFilter {
        since: Some(at(DAY)),
        ..all()
    };
    let last_day = ["1 10x login-refused wrong-password Alice@A.example"];
    assert_eq!(refusal_days(store, &later).await, last_day);
    let earlier = AuditFilter {
        until: Some(at(0)),
        event: Some(AuditEvent::LoginThrottled),
        ..all()
    };
    assert_eq!(refusal_days(store, &earlier).await.len(), 2);
    let one = AuditFilter { limit: 1, ..all() };
    assert_eq!(refusal_days(store, &one).await, last_day);

    // A day is kept until all of it is past the retention.
    let end_of_day = DAY - at(0).timestamp().rem_euclid(DAY);
    sweep(end_of_day - 1, 1, 100, 100).await;
    assert_eq!(refusal_days(store, &all()).await.len(), listed.len());
    sweep(end_of_day, 1, 100, 100).await;
    assert_eq!(refusal_days(store, &all()).await, last_day);
}

async fn refusals_beyond_the_maximum_of_daily_counts_lose_only_their_subject(store: &Database) {
    let mut refusals = Vec::new();
    for number in 0..6_u8 {
        let name = format!("user{number}");
        add_user(store, &name, "Dealer").await;
        let user = find(store, &name).await.unwrap().user;
        refusals.push(Refusal {
            user: Some(user),
            count: 1 + u32::from(number),
            ..refusal(RefusalCause::WrongPassword, &name, 1, 0)
        });
    }
    let plan = AuditSweep {
        before: at(-1),
        max_rows: 0,
        max_days: 3,
        batch: 100,
    };
    for _ in 0..2 {
        store.record_refusals(refusals.clone()).await.unwrap();
        store.sweep_audit(&plan).await.unwrap();
    }
    let listed = refusal_days(store, &all()).await;
    assert_eq!(
        listed,
        [
            "0 30x login-refused wrong-password @",
            "0 6x login-refused wrong-password user2@",
            "0 4x login-refused wrong-password user1@",
            "0 2x login-refused wrong-password user0@",
        ]
    );
}

super::contract_tests! {
    sweep_deletes_old_and_excess_entries
    deleted_refusals_are_counted_by_day_and_subject
    refusals_beyond_the_maximum_of_daily_counts_lose_only_their_subject
}
