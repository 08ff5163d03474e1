//! The command line: `generate` and `report`.
//!
//! Generated code goes to standard output or into a file, findings to standard error, one per line. A finding begins
//! with `FILE:LINE:COLUMN:`, as editors and terminals expect.

use std::{
    fs,
    io::{self, ErrorKind, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anstream::eprintln;
use anstyle::{AnsiColor, Style};
use anyhow::{Context as _, Result};
use clap::{Args, Parser, Subcommand};
use dropshot_codegen::{
    Contract, Document, Finding, Report, Settings, generate, generate_supported, report,
};

const HELP: &str = "\
Exit codes:
  0  success
  1  the contract has unsupported parts, or a file cannot be read or written
  2  invalid command line

Examples:
  dropshot-codegen generate openapi.yaml --out src/generated.rs
  dropshot-codegen generate openapi.json --skip-refused > src/generated.rs
  dropshot-codegen report openapi.yaml";

/// Generates a dropshot API trait and its types from an OpenAPI 3.0 document, in YAML or JSON.
#[derive(Debug, Parser)]
#[command(name = "dropshot-codegen", version, after_help = HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Generate the Rust source of a contract
    ///
    /// Unsupported parts of the contract are listed on standard error, with their locations and what to write instead.
    /// In that case nothing is generated, except with --skip-refused.
    #[command(after_help = "\
Examples:
  dropshot-codegen generate openapi.yaml --out src/generated.rs
  dropshot-codegen generate openapi.json --skip-refused --trait-name Api > src/generated.rs
  dropshot-codegen generate openapi.yaml --out src/generated.rs --refusals crate::refusal::ApiRefusals")]
    Generate(Generate),
    /// Report as JSON which operations can be generated, and why the others cannot
    #[command(after_help = "\
Examples:
  dropshot-codegen report openapi.yaml
  dropshot-codegen report openapi.json | jq '.refused[] | .operationId'")]
    Report {
        /// The OpenAPI 3.0 document, in YAML or JSON
        contract: PathBuf,
        #[command(flatten)]
        settings: SettingsFlags,
    },
}

#[derive(Debug, Args)]
struct Generate {
    /// The OpenAPI 3.0 document, in YAML or JSON
    contract: PathBuf,
    /// The file to write, atomically [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Leave out the operations that cannot be generated, and list them on standard error
    #[arg(long)]
    skip_refused: bool,
    #[command(flatten)]
    settings: SettingsFlags,
}

#[derive(Debug, Args)]
struct SettingsFlags {
    /// Name of the trait [default: the title of the contract]
    #[arg(long, value_name = "NAME")]
    trait_name: Option<String>,
    /// Name of the contract in the first line of the code [default: its path as given]
    #[arg(long, value_name = "TEXT")]
    source: Option<String>,
    /// Command that the first line recommends running after a change
    #[arg(long, value_name = "TEXT")]
    command: Option<String>,
    /// Path of the type that shapes the refusals of extractors [default: dropshot's errors]
    #[arg(long, value_name = "PATH")]
    refusals: Option<String>,
    /// Name of an exported macro that calls another macro with the methods of the trait [default: none]
    #[arg(long, value_name = "NAME")]
    operations_macro: Option<String>,
}

impl SettingsFlags {
    fn settings(self) -> Settings {
        type Setter = fn(Settings, String) -> Settings;
        let setters: [(Option<String>, Setter); 5] = [
            (self.trait_name, Settings::with_trait_name),
            (self.source, Settings::with_source),
            (self.command, Settings::with_command),
            (self.refusals, Settings::with_refusals),
            (self.operations_macro, Settings::with_operations_macro),
        ];
        setters
            .into_iter()
            .fold(Settings::default(), |settings, (value, set)| match value {
                Some(value) => set(settings, value),
                None => settings,
            })
    }
}

pub(crate) fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Generate(arguments) => run_generate(arguments),
        Command::Report { contract, settings } => run_report(&contract, settings.settings()),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            print_error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run_generate(arguments: Generate) -> Result<ExitCode> {
    let document = match read(&arguments.contract)? {
        Ok(document) => document,
        Err(finding) => return Ok(print_refused(&[finding])),
    };
    let settings = arguments.settings.settings();
    let code = if arguments.skip_refused {
        match generate_supported(&document, &settings) {
            Ok(supported) => {
                print_skipped(&supported.report);
                Ok(supported.code)
            }
            Err(report) => Err(report.elsewhere),
        }
    } else {
        Contract::try_from(document).and_then(|contract| generate(&contract, &settings))
    };
    match code {
        Ok(code) => {
            match arguments.out {
                Some(path) => write(&path, &code)
                    .with_context(|| format!("cannot write {}", path.display()))?,
                None => print(&code)?,
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(findings) => Ok(print_refused(&findings)),
    }
}

fn run_report(contract: &Path, settings: Settings) -> Result<ExitCode> {
    match read(contract)? {
        Ok(document) => {
            let report = serde_json::to_string_pretty(&report(&document, &settings))?;
            print(&format!("{report}\n"))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(finding) => Ok(print_refused(&[finding])),
    }
}

/// Reads a contract; the caller prints the inner error.
fn read(path: &Path) -> Result<Result<Document, Finding>> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(Document::parse(&path.display().to_string(), &text))
}

fn print_refused(findings: &[Finding]) -> ExitCode {
    for finding in findings {
        eprintln!("{finding}");
    }
    let count = match findings.len() {
        1 => "1 finding".to_owned(),
        count => format!("{count} findings"),
    };
    print_error(&format!("{count}; nothing was generated"));
    ExitCode::FAILURE
}

fn print_skipped(report: &Report) {
    let style = AnsiColor::Yellow.on_default().bold();
    for operation in &report.refused {
        eprintln!("{style}skipped{style:#}: {operation}");
        for reason in &operation.reasons {
            eprintln!("  {reason}");
        }
    }
    for finding in &report.elsewhere {
        eprintln!("{style}skipped{style:#}: {finding}");
    }
}

fn print_error(message: &str) {
    let style: Style = AnsiColor::Red.on_default().bold();
    eprintln!("{style}error{style:#}: {message}");
}

/// Prints to standard output; a reader that closes the pipe early is not an error.
fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

/// Writes a file atomically: a temporary file in the same folder is renamed.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    // tempfile creates files that only their owner can read; source files should be readable by everyone.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    // The error of tempfile would name the temporary file, which the user does not know.
    let temporary = builder.tempfile_in(folder);
    let mut file = temporary.map_err(|error| io::Error::from(error.kind()))?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
