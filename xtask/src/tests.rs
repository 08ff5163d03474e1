use clap::CommandFactory as _;
use saphyr::{LoadableYamlNode as _, Yaml};

use super::*;

#[test]
fn command_line_help_is_unchanged() {
    let mut command = Arguments::command();
    command.build();
    command.clone().debug_assert();
    insta::assert_snapshot!(command.render_long_help(), @"
    Keeps the contract, the server and the client consistent

    Usage: cargo xtask <COMMAND>

    Commands:
      generate  Write the generated files from the contract
      verify    Check that contract, server and client agree; write nothing
      diff      Compare two OpenAPI documents, YAML or JSON, by meaning
      mutate    Plant mutants one at a time, and report those that `verify` does not find
      bench     Compare the performance of the server with that of a bare dropshot server
      help      Print this message or the help of the given subcommand(s)

    Options:
      -h, --help
              Print help

    Exit codes of `generate` and `verify`:
      0    contract, server and client agree
      2    the command could not run
      4    a generated file is stale: `cargo xtask generate` repairs it
      100  a person must correct something

    Examples:
      cargo xtask generate                  after an edit of openapi.yaml
      cargo xtask verify                    before a commit
      cargo xtask verify --only contract    while editing openapi.yaml
      cargo xtask verify --base main        before a merge: also report changes that break clients of main
      cargo xtask diff old.yaml new.json    compare two documents by meaning
      cargo xtask mutate                    test the checks of verify
    ");
    let verify = command.find_subcommand_mut("verify").expect("it exists");
    insta::assert_snapshot!(verify.render_long_help(), @"
    Check that contract, server and client agree; write nothing

    Usage: cargo xtask verify [OPTIONS]

    Options:
          --only <CHECK>
              Run only this check; can be repeated

              Possible values:
              - contract:      The contract parses, passes the lints, and server and client can be generated from it
              - generated:     Each generated file is what `generate` would write
              - document:      The document that the server registers agrees with the contract
              - client:        The client has a method for every operation and returns what the contract promises
              - live:          The responses of a running server agree with the contract
              - compatibility: The contract breaks no client of an earlier revision (`--base`), or its version declares it

          --base <REV>
              Also compare the contract with that of a git revision: a branch, a tag or a commit

          --format <FORMAT>
              The output format [default: `github` if GITHUB_ACTIONS is `true`, otherwise `text`]

              Possible values:
              - text:   Text for people
              - json:   JSON for programs
              - github: Annotations of a GitHub workflow

          --timings
              Show the duration of each check and step

          --database <URL>
              Run the servers on new databases in this PostgreSQL server [default: SQLite files]

      -h, --help
              Print help (see a summary with '-h')

    Exit codes:
      0    contract, server and client agree
      2    the command could not run
      4    a generated file is stale: `cargo xtask generate` repairs it
      100  a person must correct something

    crates/conformance/src/report/json.rs documents the output of `--format json`.

    Examples:
      cargo xtask verify                                     all checks except compatibility
      cargo xtask verify --base origin/main                  all checks, compared with origin/main for compatibility
      cargo xtask verify --only contract                     one check
      cargo xtask verify --only generated --only client      two checks
      cargo xtask verify --format json | jq .result          print only the result
      cargo xtask verify --timings                           show the duration of each step
      NO_COLOR=1 cargo xtask verify                          without colour on a terminal
      cargo xtask verify --database postgres://postgres@localhost/postgres
    ");
}

/// The workflow in docs/ci.md equals the linked file, is valid YAML, and runs a command that exists.
#[test]
fn workflow_in_docs_can_be_copied() {
    let workflow = include_str!("../../docs/ci/github-workflow.yml");
    let page = include_str!("../../docs/ci.md");
    assert!(
        page.contains(&format!("```yaml\n{workflow}```\n")),
        "copy docs/ci/github-workflow.yml into docs/ci.md"
    );

    let documents = Yaml::load_from_str(workflow).expect("the workflow is YAML");
    let [document] = documents.as_slice() else {
        panic!("one document");
    };
    let steps = document["jobs"]["verify"]["steps"]
        .as_sequence()
        .expect("a list of steps");
    let commands: Vec<&str> = steps
        .iter()
        .filter_map(|step| step.as_mapping_get("run").and_then(Yaml::as_str))
        .collect();
    let verify = commands.last().expect("the last step verifies");
    let with_base = verify.replace(r#"${BASE:+--base "$BASE"}"#, "--base origin/main");
    assert_ne!(*verify, with_base);
    let parsed = Arguments::try_parse_from(
        with_base
            .strip_prefix("cargo ")
            .expect("the command is an alias of cargo")
            .split(' '),
    );
    let command = parsed.expect("the command exists").command;
    let base = match command {
        Command::Verify(verify) => verify.arguments.base,
        _ => None,
    };
    assert_eq!(base.as_deref(), Some("origin/main"));
}
