//! A file with what the last runs found. A run of some mutants keeps the scores of the others.
//!
//! `{"seconds": 1700, "found": [NAME, …], "missed": [NAME, …]}`, with the seconds of the last run of all mutants. A mutant
//! in neither list has never run.

use std::collections::BTreeSet;
use std::path::Path;
use std::{fs, io};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::{Mutant, Score, Verdict};

/// What is known of each mutant of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Scores {
    /// How long the last run of all mutants took, in seconds.
    pub seconds: Option<u64>,
    /// Names of those that were found when they last ran.
    pub found: BTreeSet<String>,
    /// Names of those that were not.
    pub missed: BTreeSet<String>,
}

impl Scores {
    /// Reads the file. One that does not exist knows nothing.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is not a file of scores.
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

    /// Adds a run, and removes names that are no longer in the list.
    pub fn update(&mut self, all: impl Iterator<Item = &'static Mutant>, score: &Score) {
        for outcome in &score.outcomes {
            let (to, from) = match outcome.verdict {
                Verdict::Found => (&mut self.found, &mut self.missed),
                Verdict::Missed(_) | Verdict::NotPlanted(_) => (&mut self.missed, &mut self.found),
            };
            from.remove(outcome.mutant.name);
            to.insert(outcome.mutant.name.to_owned());
        }
        let names: BTreeSet<&str> = all.map(|mutant| mutant.name).collect();
        self.found.retain(|name| names.contains(name.as_str()));
        self.missed.retain(|name| names.contains(name.as_str()));
        if score.outcomes.len() == names.len() {
            self.seconds = Some(score.took.as_secs());
        }
    }

    /// Writes the file.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self).context("scores are not JSON")?;
        fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
    }
}
