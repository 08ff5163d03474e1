use super::*;
use crate::app::login::{Attempt, login};
use crate::app::testing::{Fixture, PASSWORD, caller, command, key, password};
use crate::domain::user::RuleViolation;

fn role(user: &str, role: &str) -> Result<Membership, RuleViolation> {
    Membership::new(key(user).scope, role.parse().unwrap())
}

async fn try_create(fixture: &Fixture, user: &str, in_role: &str) -> String {
    let membership = match role(user, in_role) {
        Ok(membership) => membership,
        Err(rule) => return rule.to_string(),
    };
    let username = key(user).username;
    match create(
        &fixture.context,
        &command(),
        &username,
        &membership,
        &password(PASSWORD),
    )
    .await
    {
        Ok(()) => "created".to_owned(),
        Err(error) => error.to_string(),
    }
}

async fn try_set_role(fixture: &Fixture, user: &str, to: &str) -> String {
    let membership = role(user, to).unwrap();
    match set_role(
        &fixture.context,
        &command(),
        &key(user).username,
        &membership,
    )
    .await
    {
        Ok(change) => format!("{change:?}"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn system_users_have_system_roles_and_tenant_users_have_tenant_roles() {
    let fixture = Fixture::new();
    fixture.tenant("a.example").await;
    let a = "a.example".parse().unwrap();
    let night = "Night Shift".parse().unwrap();
    crate::app::role::create(&fixture.context, &command(), &a, &night)
        .await
        .unwrap();
    let roles = [
        "SystemAdmin",
        "Replicator",
        "Dealer",
        "Admin",
        "StandardUser",
        "StandardInternationalUser",
        "QueueManager",
        "Night Shift",
    ];
    let mut lines = Vec::new();
    for (number, role) in roles.iter().enumerate() {
        for user in [format!("u{number}"), format!("u{number}@a.example")] {
            let result = try_create(&fixture, &user, role).await;
            lines.push(format!("{user} {role}: {result}"));
        }
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    u0 SystemAdmin: created
    u0@a.example SystemAdmin: SystemAdmin is a role for system users, and a.example is a tenant
    u1 Replicator: created
    u1@a.example Replicator: Replicator is a role for system users, and a.example is a tenant
    u2 Dealer: created
    u2@a.example Dealer: Dealer is a role for system users, and a.example is a tenant
    u3 Admin: Admin is not a role for system users
    u3@a.example Admin: created
    u4 StandardUser: StandardUser is not a role for system users
    u4@a.example StandardUser: created
    u5 StandardInternationalUser: StandardInternationalUser is not a role for system users
    u5@a.example StandardInternationalUser: created
    u6 QueueManager: QueueManager is not a role for system users
    u6@a.example QueueManager: created
    u7 Night Shift: Night Shift is not a role for system users
    u7@a.example Night Shift: created
    ");
}

#[tokio::test]
async fn reserved_name_is_accepted_only_for_a_system_administrator() {
    let fixture = Fixture::new();
    fixture.tenant("a.example").await;
    for name in ["admin", "System", "ADMINISTRATOR", "rOOt"] {
        let reserved = format!("the name {name} is reserved for system administrators");
        let in_tenant = format!("{name}@a.example");
        for (user, role) in [
            (name, "Replicator"),
            (name, "Dealer"),
            (&in_tenant, "Admin"),
            (&in_tenant, "StandardUser"),
        ] {
            assert_eq!(
                try_create(&fixture, user, role).await,
                reserved,
                "{user} {role}"
            );
        }
        assert_eq!(try_create(&fixture, name, "SystemAdmin").await, "created");
        assert_eq!(try_set_role(&fixture, name, "Dealer").await, reserved);
    }
    assert_eq!(
        try_create(&fixture, "admins@a.example", "Admin").await,
        "created"
    );
}

#[tokio::test]
async fn last_enabled_system_administrator_cannot_be_removed() {
    let fixture = Fixture::new();
    fixture.user("chief", "SystemAdmin").await;
    let (context, chief) = (&fixture.context, key("chief"));
    let last = "system user chief is the last enabled system administrator";
    assert_eq!(
        disable(context, &command(), &chief)
            .await
            .unwrap_err()
            .to_string(),
        last
    );
    assert_eq!(
        delete(context, &command(), &chief)
            .await
            .unwrap_err()
            .to_string(),
        last
    );
    assert_eq!(try_set_role(&fixture, "chief", "Dealer").await, last);
    fixture.user("deputy", "SystemAdmin").await;
    assert_eq!(
        try_set_role(&fixture, "chief", "Dealer").await,
        "Applied { ended: 0 }"
    );
}

#[tokio::test]
async fn first_start_creates_admin_once() {
    let fixture = Fixture::new();
    let context = &fixture.context;
    let generated = match ensure_administrator(context, None).await.unwrap() {
        FirstAdministrator::Generated(password) => password,
        other => panic!("{other:?}"),
    };
    let attempt = Attempt {
        username: "admin",
        password: generated.expose(),
        domain: None,
        previous: None,
        caller: caller([192, 0, 2, 1]),
    };
    assert!(login(context, attempt).await.is_ok());
    let again = ensure_administrator(context, Some(password(PASSWORD))).await;
    assert!(matches!(again.unwrap(), FirstAdministrator::NotNeeded));
    let users = list(context, None).await.unwrap();
    let users: Vec<_> = users
        .iter()
        .map(|user| (user.username.as_typed(), user.membership.role_name()))
        .collect();
    assert_eq!(users, [("admin", "SystemAdmin")]);
}

#[tokio::test]
async fn first_administrator_has_the_configured_password() {
    let fixture = Fixture::new();
    let created = ensure_administrator(&fixture.context, Some(password(PASSWORD))).await;
    assert!(matches!(created.unwrap(), FirstAdministrator::Created));
    let attempt = Attempt {
        username: "admin",
        password: PASSWORD,
        domain: None,
        previous: None,
        caller: caller([192, 0, 2, 1]),
    };
    assert!(login(&fixture.context, attempt).await.is_ok());
}

#[tokio::test]
async fn first_start_with_a_system_administrator_creates_no_admin() {
    let fixture = Fixture::new();
    fixture.user("chief", "SystemAdmin").await;
    let result = ensure_administrator(&fixture.context, None).await.unwrap();
    assert!(matches!(result, FirstAdministrator::NotNeeded));
    assert_eq!(list(&fixture.context, None).await.unwrap().len(), 1);
}

#[tokio::test]
async fn concurrent_first_starts_create_one_administrator() {
    let fixture = Fixture::new();
    let start = || ensure_administrator(&fixture.context, None);
    let (one, two) = tokio::join!(start(), start());
    let outcomes = [one.unwrap(), two.unwrap()];
    let generated =
        |outcome: &&FirstAdministrator| matches!(outcome, FirstAdministrator::Generated(_));
    assert_eq!(outcomes.iter().filter(generated).count(), 1);
    assert_eq!(list(&fixture.context, None).await.unwrap().len(), 1);
}

#[tokio::test]
async fn weak_new_password_is_refused_and_changes_nothing() {
    let fixture = Fixture::new();
    fixture.tenant("a.example").await;
    fixture.user("alice@a.example", "StandardUser").await;
    let context = &fixture.context;
    let alice = key("alice@a.example");
    let weak = password("password1");
    let refused = set_password(context, &command(), &alice, &weak).await;
    assert!(matches!(refused, Err(ManageError::WeakPassword(_))));
    let membership = role("bob@a.example", "StandardUser").unwrap();
    let bob = key("bob@a.example").username;
    let refused = create(context, &command(), &bob, &membership, &weak).await;
    assert!(matches!(refused, Err(ManageError::WeakPassword(_))));
    assert_eq!(list(context, None).await.unwrap().len(), 1);
    let attempt = Attempt {
        username: "alice",
        password: PASSWORD,
        domain: Some("a.example"),
        previous: None,
        caller: caller([192, 0, 2, 1]),
    };
    assert!(login(context, attempt).await.is_ok());
}

#[tokio::test]
async fn weak_configured_password_creates_no_administrator() {
    let fixture = Fixture::new();
    let refused = ensure_administrator(&fixture.context, Some(password("administrator"))).await;
    assert!(matches!(refused, Err(ManageError::WeakPassword(_))));
    assert_eq!(list(&fixture.context, None).await.unwrap(), []);
}
