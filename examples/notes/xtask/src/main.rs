//! `cargo xtask generate` writes the generated files; `cargo xtask verify` checks that all agree.

use std::process::ExitCode;

use dropshot_codegen::{ClientSettings, Settings};
use dropshot_conformance::{
    Abort, Drive, Expect, Generated, Harness, Request, Routing, Scenario, Server,
};
use serde_json::json;

const API_KEY: &str = "verify";

struct Notes;

impl Harness for Notes {
    fn command(&self) -> &'static str {
        "cargo xtask"
    }

    fn generated(&self) -> Vec<Generated> {
        let settings = Settings::default().with_refusals("crate::refusal::ErrorCodes");
        vec![
            Generated::server("server/src/generated.rs", settings),
            Generated::client("client/src/generated.rs", ClientSettings::default()),
        ]
    }

    fn server(&self) -> Server {
        Server::of_package("notes")
            .with_sources("server/src")
            .with_prefix("NOTES_")
            .with_setting("NOTES_API_KEY", API_KEY)
            .with_setting("NOTES_LISTEN", "127.0.0.1:0")
    }

    fn driver(&self) -> Option<&'static str> {
        Some("notes-client-driver")
    }

    fn credential(&self, _: &mut Drive, _scheme: &str) -> Result<String, Abort> {
        Ok(API_KEY.to_owned())
    }

    fn scenarios(&self) -> &[&[Scenario<Self>]] {
        &[SCENARIOS]
    }

    fn scenarios_file(&self) -> &'static str {
        "xtask/src/main.rs"
    }

    fn routing(&self) -> Routing {
        Routing::Dropshot
    }
}

/// Scenarios need notes that exist and notes that do not, which the contract alone cannot provide.
const SCENARIOS: &[Scenario<Notes>] = &[
    Scenario::new("stored note is shown", "showNote", 200, |drive, _| {
        let id = create(drive)?;
        request(drive, "showNote", &id, 200)
    }),
    Scenario::new("unknown note is not shown", "showNote", 404, |drive, _| {
        request(drive, "showNote", "0", 404)
    }),
    Scenario::new(
        "stored note is deleted once",
        "deleteNote",
        204,
        |drive, _| {
            let id = create(drive)?;
            request(drive, "deleteNote", &id, 204)?;
            request(drive, "deleteNote", &id, 404)
        },
    ),
    Scenario::new(
        "unknown note is not deleted",
        "deleteNote",
        404,
        |drive, _| request(drive, "deleteNote", "0", 404),
    ),
];

fn create(drive: &mut Drive) -> Result<String, Abort> {
    let operation = drive.operation("createNote")?;
    let request = Request::to(&operation)
        .header("X-Api-Key", API_KEY)
        .json(&json!({ "text": "Buy milk" }));
    let response = drive.send_expecting(&operation, &request, Expect::Status(201))?;
    Ok(response.json()["id"].to_string())
}

fn request(drive: &mut Drive, operation: &str, id: &str, status: u16) -> Result<(), Abort> {
    let operation = drive.operation(operation)?;
    let request = Request::to(&operation)
        .path("id", id)
        .header("X-Api-Key", API_KEY);
    drive
        .send_expecting(&operation, &request, Expect::Status(status))
        .map(drop)
}

fn main() -> ExitCode {
    dropshot_conformance::cli::main(&Notes)
}
