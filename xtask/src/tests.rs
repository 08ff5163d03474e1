use clap::CommandFactory as _;
use saphyr::{LoadableYamlNode as _, Yaml};

use super::*;

#[test]
fn the_command_line_is_well_formed_and_explains_itself() {
    let mut command = Arguments::command();
    command.build();
    command.clone().debug_assert();
    insta::assert_snapshot!(command.render_long_help(), @"
    Keeps contract, server and client in agreement

    Usage: cargo xtask <COMMAND>

    Commands:
      generate  Writes the generated files from the contract
      verify    Proves that contract, server and client agree; writes nothing
      diff      Compares two OpenAPI documents, YAML or JSON, by meaning
      mutate    Plants mutants one at a time and shows which of them `verify` does not find
      bench     Measures the server, built for release, against a bare dropshot server
      help      Print this message or the help of the given subcommand(s)

    Options:
      -h, --help
              Print help

    Exit codes of `generate` and `verify`:
      0    contract, server and client agree
      2    it could not run
      4    a generated file is stale: `cargo xtask generate` repairs it
      100  a person must correct something

    Examples:
      cargo xtask generate                  after an edit of openapi.yaml
      cargo xtask verify                    before a commit
      cargo xtask verify --only contract    while editing openapi.yaml
      cargo xtask verify --base main        before a merge: also find changes that break clients of main
      cargo xtask diff old.yaml new.json    compare two documents by meaning
      cargo xtask mutate                    test the checks of verify
    ");
    let verify = command.find_subcommand_mut("verify").expect("it is there");
    insta::assert_snapshot!(verify.render_long_help(), @"
    Proves that contract, server and client agree; writes nothing

    Usage: cargo xtask verify [OPTIONS]

    Options:
          --only <CHECK>
              Run this check only; may be given several times

              Possible values:
              - contract:      The contract parses, passes the lints, and server and client can be generated from it
              - generated:     Each generated file is what `generate` would write
              - document:      What the server registers is what the contract says
              - client:        The client has a method for every operation, and each result is what the contract promises
              - live:          A running server answers as the contract says
              - compatibility: Who goes by the contract of an earlier revision (`--base`) is not broken, or the version says so

          --base <REV>
              Compare the contract also with that of this revision of git: a branch, a tag, a commit

          --format <FORMAT>
              How the report is printed; without this flag `github` if GITHUB_ACTIONS is set, else `text`

              Possible values:
              - text:   For a person
              - json:   For a program
              - github: As annotations of a GitHub workflow

          --timings
              Show where the time went, by check and by step

      -h, --help
              Print help (see a summary with '-h')

    Exit codes:
      0    contract, server and client agree
      2    it could not run
      4    a generated file is stale: `cargo xtask generate` repairs it
      100  a person must correct something

    The shape of `--format json` is documented in crates/conformance/src/report/json.rs.

    Examples:
      cargo xtask verify                                     all checks but compatibility
      cargo xtask verify --base origin/main                  also compatibility with the contract of a revision
      cargo xtask verify --only contract                     one check
      cargo xtask verify --only generated --only client      two checks
      cargo xtask verify --format json | jq .result          for a program
      cargo xtask verify --timings                           show where the time goes
      NO_COLOR=1 cargo xtask verify                          without colour on a terminal
    ");
}

/// The workflow in docs/ci.md equals the linked file, is valid YAML, and runs an existing command.
#[test]
fn workflow_in_docs_can_be_copied() {
    let workflow = include_str!("../../docs/ci/github-workflow.yml");
    let page = include_str!("../../docs/ci.md");
    assert!(
        page.contains(&format!("```yaml\n{workflow}```\n")),
        "copy docs/ci/github-workflow.yml into docs/ci.md"
    );

    let documents = Yaml::load_from_str(workflow).expect("YAML");
    let [document] = documents.as_slice() else {
        panic!("one document");
    };
    let steps = document["jobs"]["verify"]["steps"]
        .as_sequence()
        .expect("steps");
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
            .expect("it is an alias of cargo")
            .split(' '),
    );
    let command = parsed.expect("there is such a command").command;
    let base = match command {
        Command::Conformance(cli::Command::Verify(verify)) => verify.base,
        _ => None,
    };
    assert_eq!(base.as_deref(), Some("origin/main"));
}
