//! A file with the results of the last runs. A run of some mutants keeps the results of the others.
//!
//! `{"seconds": 1700, "killed": [NAME, …], "survived": [NAME, …]}`, where `seconds` is the duration of the last run of
//! all mutants. A mutant in neither list has never been run.

use std::collections::BTreeSet;
use std::path::Path;
use std::{fs, io};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::{Mutant, Score, Verdict};

/// The last results of a list of mutants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Scores {
    /// The duration of the last run of all mutants, in seconds.
    pub seconds: Option<u64>,
    /// The mutants that were killed.
    pub killed: BTreeSet<String>,
    /// The mutants that survived.
    pub survived: BTreeSet<String>,
}

impl Scores {
    /// Reads the file; if it does not exist, there are no results.
    ///
    /// # Errors
    /// Fails if the file cannot be read or is invalid.
    pub fn read(path: &Path) -> Result<Self> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        serde_json::from_str(&text)
            .with_context(|| format!("{} is not a file of scores; delete it", path.display()))
    }

    /// Adds a run, and removes mutants that are no longer listed.
    pub fn update(&mut self, all: impl Iterator<Item = &'static Mutant>, score: &Score) {
        for outcome in &score.outcomes {
            let (to, from) = match outcome.verdict {
                Verdict::Killed => (&mut self.killed, &mut self.survived),
                Verdict::Survived(_) | Verdict::NotPlanted(_) => {
                    (&mut self.survived, &mut self.killed)
                }
            };
            from.remove(outcome.mutant.name);
            to.insert(outcome.mutant.name.to_owned());
        }
        let names: BTreeSet<&str> = all.map(|mutant| mutant.name).collect();
        self.killed.retain(|name| names.contains(name.as_str()));
        self.survived.retain(|name| names.contains(name.as_str()));
        if score.outcomes.len() == names.len() {
            self.seconds = Some(score.duration.as_secs());
        }
    }

    /// Writes the file.
    ///
    /// # Errors
    /// Fails if the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).context("scores are not JSON")?;
        fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
    }
}
