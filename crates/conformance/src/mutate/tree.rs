use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::Mutant;
use crate::generate;
use crate::harness::Harness;
use crate::report::Check;
use crate::workspace::Workspace;

const COPY: &str = "target/mutate";

/// The time limit of a run. The first run builds everything, which takes minutes.
const RUN_TIMEOUT: Duration = Duration::from_secs(20 * 60);

const POLL_INTERVAL: Duration = Duration::from_millis(50);

pub(super) struct Tree {
    copy: Workspace,
    changed: BTreeMap<PathBuf, Vec<u8>>,
}

#[derive(Clone, Debug)]
pub(super) struct Verified {
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Tree {
    /// Updates the copy from the work tree and commits it, as a revision to compare with.
    pub(super) fn copy(workspace: &Workspace) -> Result<Self> {
        let root = workspace.cargo_root();
        let copy = root.join(COPY);
        fs::create_dir_all(&copy).with_context(|| format!("cannot make {}", copy.display()))?;
        let wanted = list_files(root)?;
        // Otherwise, files that were removed from the work tree would still be built.
        if copy.join(".git").exists() {
            for path in list_files(&copy)? {
                if !wanted.contains(&path) {
                    let path = copy.join(path);
                    fs::remove_file(&path)
                        .with_context(|| format!("cannot remove {}", path.display()))?;
                }
            }
        }
        for path in wanted {
            let text = fs::read(root.join(&path))
                .with_context(|| format!("cannot read {}", path.display()))?;
            write_if_changed(&copy.join(path), &text)?;
        }
        git(&copy, &["init", "--quiet"])?;
        git(&copy, &["add", "--all"])?;
        git(
            &copy,
            &[
                "-c",
                "user.name=mutate",
                "-c",
                "user.email=mutate@localhost",
                "-c",
                "commit.gpgsign=false",
                "commit",
                "--quiet",
                "--allow-empty",
                "--no-verify",
                "--message=unchanged",
            ],
        )?;
        let contract_root = workspace.path("");
        let member = contract_root.strip_prefix(root).unwrap_or(Path::new(""));
        Ok(Self {
            copy: workspace.moved_to(copy.join(member)),
            changed: BTreeMap::new(),
        })
    }

    /// Removes the last mutant and plants another; the inner result fails if that is not possible.
    pub(super) fn plant<H: Harness>(
        &mut self,
        harness: &H,
        mutant: &Mutant,
    ) -> Result<Result<(), String>> {
        let file = mutant.edit.file(self.copy.contract_path());
        let path = self.copy.path(file);
        let mut wanted = std::mem::take(&mut self.changed);
        let before = match wanted.get(&path) {
            Some(before) => before.clone(),
            None => match fs::read(&path) {
                Ok(bytes) => bytes,
                Err(error) => {
                    self.changed = wanted;
                    return Ok(Err(format!("{file} cannot be read: {error}")));
                }
            },
        };
        let mutated = match mutant.edit.apply(&String::from_utf8_lossy(&before)) {
            Ok(text) => text,
            Err(why) => {
                self.changed = wanted;
                return Ok(Err(why));
            }
        };
        wanted.remove(&path);
        for (path, bytes) in wanted {
            write_if_changed(&path, &bytes)?;
        }
        write_if_changed(&path, mutated.as_bytes())?;
        self.changed.insert(path, before);
        if !mutant.edit.regenerates() {
            return Ok(Ok(()));
        }

        for file in harness.generated() {
            let path = self.copy.path(file.path);
            self.changed.insert(path.clone(), fs::read(&path)?);
        }
        let contract = match self.copy.contract()? {
            Ok(contract) => contract,
            Err(problems) => {
                return Ok(Err(format!("the contract no longer parses: {problems:?}")));
            }
        };
        match generate::artifacts(harness, &contract) {
            Ok(artifacts) => generate::write(&self.copy, &artifacts).map(|_| Ok(())),
            Err(findings) => {
                let first = findings.first().map(ToString::to_string);
                Ok(Err(format!(
                    "nothing can be generated from the changed contract: {}",
                    first.unwrap_or_default()
                )))
            }
        }
    }

    pub(super) fn restore(&mut self) -> Result<()> {
        for (path, bytes) in std::mem::take(&mut self.changed) {
            write_if_changed(&path, &bytes)?;
        }
        Ok(())
    }

    pub(super) fn verify(&self, mutant: Option<&Mutant>) -> Result<Verified> {
        let program = std::env::current_exe().context("cannot find the path of this program")?;
        let mut command = Command::new(program);
        command
            .args(["verify", "--format", "json"])
            .current_dir(self.copy.path(""))
            // This program looks for the workspace here; the copy has its own target folder.
            .env("CARGO_MANIFEST_DIR", self.copy.path(""))
            .env_remove("CARGO_TARGET_DIR");
        if mutant.is_some_and(|mutant| mutant.check == Check::Compatibility) {
            command.args(["--base", "HEAD"]);
        }
        let (status, stdout, stderr) = run(&mut command, RUN_TIMEOUT)?;
        Ok(Verified {
            code: status.and_then(|status| status.code()),
            stdout,
            stderr,
        })
    }
}

/// Returns the files in a folder that git tracks or would add.
fn list_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("git")
        .current_dir(folder)
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .stdin(Stdio::null())
        .output()
        .context("cannot start git, which lists the files to copy")?;
    if !output.status.success() {
        bail!(
            "git cannot list the files of {}: {}",
            folder.display(),
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    let names = output.stdout.split(|byte| *byte == 0);
    Ok(names
        .filter(|name| !name.is_empty())
        .map(|name| PathBuf::from(String::from_utf8_lossy(name).into_owned()))
        // A removed file may still be tracked.
        .filter(|path| folder.join(path).is_file())
        .collect())
}

fn git(folder: &Path, arguments: &[&str]) -> Result<()> {
    let output = Command::new("git")
        .current_dir(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .context("cannot start git")?;
    if !output.status.success() {
        bail!(
            "`git {}` in {} failed: {}",
            arguments.join(" "),
            folder.display(),
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    Ok(())
}

/// Writes a file only if it changed: cargo compares modification times.
fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || {
        if fs::read(path).is_ok_and(|before| before == bytes) {
            return Ok(());
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, bytes)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Runs a command; at the time limit, kills it and its child processes.
fn run(command: &mut Command, limit: Duration) -> Result<(Option<ExitStatus>, String, String)> {
    // Unlike pipes, files cannot fill up.
    let (mut stdout, mut stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(stdout.try_clone()?)
        .stderr(stderr.try_clone()?)
        .spawn()
        .context("cannot start verify")?;
    let deadline = Instant::now() + limit;
    let status = loop {
        match child.try_wait().context("cannot wait for verify")? {
            Some(status) => break Some(status),
            None if Instant::now() < deadline => thread::sleep(POLL_INTERVAL),
            None => {
                kill(&mut child);
                break None;
            }
        }
    };
    let mut texts = [String::new(), String::new()];
    for (file, text) in [&mut stdout, &mut stderr].into_iter().zip(&mut texts) {
        file.rewind()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        *text = String::from_utf8_lossy(&bytes).into_owned();
    }
    let [stdout, stderr] = texts;
    Ok((status, stdout, stderr))
}

fn kill(child: &mut Child) {
    // The process group, because a server may outlive the process that started it.
    if cfg!(unix) {
        let _ = Command::new("kill")
            .args(["-KILL", "--", &format!("-{}", child.id())])
            .status();
    }
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests;
