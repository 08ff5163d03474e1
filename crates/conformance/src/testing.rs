use std::fs;

use dropshot_codegen::ClientSettings;
use tempfile::TempDir;

use crate::drive::sandbox::Server;
use crate::drive::{Abort, Drive};
use crate::harness::{Generated, Harness};
use crate::workspace::Workspace;

pub(crate) const API: &str = "crates/api/src/generated.rs";
pub(crate) const CLIENT: &str = "crates/client/src/generated.rs";

#[derive(Debug)]
pub(crate) struct Things;

impl Harness for Things {
    fn command(&self) -> &'static str {
        "cargo xtask"
    }

    fn generated(&self) -> Vec<Generated> {
        let client = ClientSettings::default().with_credential("crate::session::Credential");
        vec![
            Generated::server(API, Default::default()),
            Generated::client(CLIENT, client),
        ]
    }

    fn server(&self) -> Server {
        Server::of_package("things")
    }

    fn credential(&self, _: &mut Drive, _: &str) -> Result<String, Abort> {
        Ok("a key".to_owned())
    }
}

pub(crate) const CONTRACT_TEXT: &str = "\
openapi: 3.0.3
info: { title: Things, version: 1.0.0, description: A store of things. }
tags: [{ name: thing, description: What there is. }]
paths:
  /things:
    get:
      operationId: getThings
      tags: [thing]
      summary: Get them
      description: All of them.
      responses:
        '200':
          description: Here they are.
          content:
            application/json:
              schema: { $ref: '#/components/schemas/Thing' }
components:
  schemas:
    Thing:
      type: object
      description: What there is.
      required: [name]
      properties:
        name: { type: string, description: What it is called. }
        key: { $ref: '#/components/schemas/Key' }
      example: { name: a }
    Key: { type: string, format: password, description: What opens it. }
";

pub(crate) fn workspace(contract: &str) -> (TempDir, Workspace) {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let workspace = Workspace::at(folder.path(), "openapi.yaml");
    for path in [API, CLIENT] {
        fs::create_dir_all(workspace.path(path).parent().expect("it has one"))
            .expect("the temporary folder is writable");
    }
    fs::write(workspace.path("openapi.yaml"), contract).expect("the temporary folder is writable");
    (folder, workspace)
}
