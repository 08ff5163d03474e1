//! The roles of `docs/postgresql.md`: one migrates, the other serves and cannot change the schema.

use std::time::{Duration, Instant};

use tokio_postgres::{Client, NoTls};

use crate::document::blocks;
use crate::program::{PASSWORD, Server, folder, program, with_password};
use crate::testing::TestDatabase;

/// Replaces the names in the document, because roles belong to the whole PostgreSQL server.
struct Names {
    database: String,
}

impl Names {
    fn of(database: &TestDatabase) -> Self {
        let (_, name) = database.url.rsplit_once('/').expect("a name");
        let name = name.split('?').next().unwrap_or(name);
        Self {
            database: name.to_owned(),
        }
    }

    fn owner(&self) -> String {
        format!("{}_owner", self.database)
    }

    fn server(&self) -> String {
        format!("{}_server", self.database)
    }

    fn apply(&self, sql: &str) -> String {
        sql.replace("pbx_owner", &self.owner())
            .replace("pbx_server", &self.server())
            .replace("DATABASE pbx ", &format!("DATABASE {} ", self.database))
            .replace("'...'", "'secret'")
    }

    fn url(&self, database: &TestDatabase, role: &str) -> String {
        let (_, rest) = database.url.split_once("://").expect("a scheme");
        let (_, host) = rest.split_once('@').expect("a user");
        format!("postgres://{role}:secret@{host}")
    }
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .expect("a connection");
    tokio::spawn(connection);
    client
}

/// Executes each statement by itself, as `psql` does: a database cannot be created in a transaction.
async fn execute(client: &Client, sql: &str) {
    for statement in sql.split(";\n") {
        let executed = client.batch_execute(statement).await;
        executed.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
    }
}

async fn run(url: &str, line: &str) -> String {
    let folder = folder();
    let mut command = program(folder.path());
    command.env("PBX_LOGIN_DATABASE", url).args(line.split(' '));
    let output = command.output().expect("a process");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).expect("text");
    assert!(output.status.success(), "{line}: {text}");
    text
}

/// Statements that the role of the servers must not be able to execute.
const FORBIDDEN: &[&str] = &[
    "CREATE TABLE extra (id int)",
    "CREATE SCHEMA extra",
    "CREATE TEMPORARY TABLE extra (id int)",
    "CREATE FUNCTION extra() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "ALTER TABLE users ADD COLUMN extra int",
    "ALTER TABLE users DROP COLUMN password_hash",
    "DROP TABLE audit",
    "DROP FUNCTION report_changed_sessions()",
    "ALTER TABLE sessions DISABLE TRIGGER ALL",
    "ALTER TABLE sessions DISABLE TRIGGER sessions_deleted",
    "SET session_replication_role = replica",
    "TRUNCATE audit",
    "TRUNCATE sessions",
    "UPDATE audit SET event = 'logout'",
    "UPDATE audit SET username = 'bob'",
    "UPDATE schema_version SET version = 0",
    "DELETE FROM schema_version",
    "CREATE ROLE extra",
];

#[tokio::test]
async fn documented_role_serves_and_cannot_change_the_schema() {
    let Some(database) = TestDatabase::empty().await else {
        return;
    };
    let names = Names::of(&database);
    let sql = blocks("## Least privilege", "sql");
    let [roles, schema, after] = &sql[..] else {
        panic!("{} blocks", sql.len())
    };
    // The document creates the database; this test drops the one that it replaces.
    let other = TestDatabase::empty().await.expect("there is a server");
    let superuser = other.client().await;
    execute(&superuser, &format!("DROP DATABASE {}", names.database)).await;
    execute(&superuser, &names.apply(roles)).await;
    execute(&database.client().await, &names.apply(schema)).await;
    let owner = names.url(&database, &names.owner());
    let text = run(&owner, "migrate").await;
    assert!(text.contains("from schema version 0 to"), "{text}");
    execute(&connect(&owner).await, &names.apply(after)).await;

    let url = names.url(&database, &names.server());
    let admin = database.client().await;
    // An old audit entry, which the first sweep deletes.
    let old = "INSERT INTO audit (at, last_at, count, event, refused, source)
        VALUES (1, 1, 1, 'logout', false, 'server')";
    execute(&admin, old).await;
    let folder = folder();
    let server = Server::start(folder.path(), |command| {
        command.env("PBX_LOGIN_DATABASE", &url);
        command.env("PBX_LOGIN_MIGRATE", "never");
        with_password(command);
    });
    let session = server.login("admin", PASSWORD).await.expect("a session");
    assert_eq!(session.status().await.expect("live").role, "SystemAdmin");
    // Refusals of one kind share an audit entry, which is updated.
    for _ in 0..2 {
        assert!(server.login("admin", "wrong").await.is_err());
    }
    session.log_out().await.expect("logged out");
    for line in [
        "tenant create a.example",
        "role create Night --domain a.example",
        "throttle clear --user admin",
        "tenant delete a.example",
        "session revoke --all",
        "audit list",
    ] {
        run(&url, &format!("--migrate never {line}")).await;
    }
    run(&url, "check").await;
    let deadline = Instant::now() + Duration::from_secs(30);
    let sql =
        "SELECT count(*) FILTER (WHERE at = 1), coalesce(max(count) FILTER (WHERE refused), 0)
        FROM audit";
    loop {
        let row = admin.query_one(sql, &[]).await.expect("a row");
        let counts: (i64, i64) = (row.get(0), row.get(1));
        if counts == (0, 2) {
            break;
        }
        assert!(Instant::now() < deadline, "{counts:?}");
        tokio::task::yield_now().await;
    }

    let client = connect(&url).await;
    for statement in FORBIDDEN {
        let error = client.batch_execute(statement).await;
        let error = error.expect_err(statement);
        let code = error.code().map(|code| code.code());
        assert_eq!(code, Some("42501"), "{statement}: {error:?}");
    }
    drop((server, client, admin));
    let roles = [names.owner(), names.server()].join(", ");
    drop(database);
    execute(&superuser, &format!("DROP ROLE {roles}")).await;
}
