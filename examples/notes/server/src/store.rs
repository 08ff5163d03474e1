use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest, Sha256};

use crate::generated::types::{Note, NoteId, NoteText};

/// The context of the server: notes that are accessible only with the API key.
#[derive(Debug)]
pub struct Store {
    /// A digest, because comparing keys directly would reveal by its duration how much of a key is correct.
    api_key: [u8; 32],
    notes: Mutex<Notes>,
}

/// The notes by id, and the last id that was assigned.
#[derive(Debug, Default)]
pub(crate) struct Notes(BTreeMap<i64, Note>, i64);

impl Store {
    pub(crate) fn new(api_key: &str) -> Self {
        Self {
            api_key: Sha256::digest(api_key).into(),
            notes: Mutex::default(),
        }
    }

    /// Returns the notes if the key is correct.
    pub(crate) fn open(&self, api_key: &str) -> Option<MutexGuard<'_, Notes>> {
        let is_right = Sha256::digest(api_key)[..] == self.api_key;
        is_right.then(|| self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Notes {
    pub(crate) fn insert(&mut self, text: NoteText) -> Note {
        self.1 += 1;
        let note = Note {
            id: NoteId(self.1),
            text,
        };
        self.0.insert(self.1, note.clone());
        note
    }

    pub(crate) fn get(&self, id: i64) -> Option<&Note> {
        self.0.get(&id)
    }

    pub(crate) fn after(&self, id: i64) -> impl Iterator<Item = &Note> {
        self.0.range(id.saturating_add(1)..).map(|(_, note)| note)
    }

    pub(crate) fn remove(&mut self, id: i64) -> Option<Note> {
        self.0.remove(&id)
    }
}
