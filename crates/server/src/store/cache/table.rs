//! The table that [`super::SessionCache`] keeps sessions in: a look-up waits for memory once, and for no other thread.
//!
//! With a million sessions what a look-up costs is the wait for memory that no cache of the processor holds, and with many
//! cores what they write that others need. So a slot is one line of the processor's cache, is found by the token's hash
//! alone, and is only read. Right after other work, as here, a look-up in quick_cache, which all cores write to each time,
//! took 0.63 µs, in scc's `HashCache` 0.41 µs (and 140 MB also where there are few sessions), and here it takes 0.25 µs.
//!
//! A session stands in one of the [`WINDOW`] slots that begin at the place which its token's hash gives. A slot has a
//! version: odd while somebody writes to it, and another after each change. Who reads looks at the version before and after
//! (a [seqlock](https://doi.org/10.1145/2247684.2247688)) and takes what was changed meanwhile for not there; who writes
//! leaves a slot alone that another writes to. So nobody waits for a thread that the system lets sleep.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering, fence};

use zerocopy::FromZeros;

use crate::token::TokenHash;

/// How many slots there are for a session to choose from: with two thirds of all slots taken hardly any finds none free,
/// and most stand in the first two.
const WINDOW: usize = 16;

/// What is kept of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// In seconds since 1970.
    pub(super) created_at: i64,
    /// Likewise. 0 stands for none: such a session is not kept.
    pub(super) expires_at: i64,
    /// The number of the role's name.
    pub(super) role: u32,
    /// As [`super::SessionCache::generation`] was before it was read.
    pub(super) generation: u32,
}

/// Room for one session. All zero: none is there.
#[derive(FromZeros)]
#[repr(C, align(64))]
struct Slot {
    /// Odd while the rest is written.
    version: AtomicU64,
    token: [AtomicU64; 4],
    created_at: AtomicI64,
    /// Not 0 where a session is.
    expires_at: AtomicI64,
    role: AtomicU32,
    generation: AtomicU32,
}

/// See the module's documentation.
pub(super) struct Table {
    slots: Box<[Slot]>,
}

impl Table {
    /// Room for `capacity` sessions, if the system promises the memory. It is taken as it is used, 4 KiB or, where the system
    /// has huge pages, 2 MiB at once.
    pub(super) fn new(capacity: usize) -> Option<Self> {
        let slots = Slot::new_vec_zeroed(capacity.checked_add(WINDOW - 1)?).ok()?;
        Some(Self {
            slots: slots.into_boxed_slice(),
        })
    }

    /// How many sessions there is room for.
    pub(super) fn capacity(&self) -> usize {
        self.slots.len() - (WINDOW - 1)
    }

    /// What is kept of a session, if it was read in this generation.
    pub(super) fn get(&self, token: &TokenHash, generation: u32) -> Option<Entry> {
        let token = words(token);
        self.window(&token)
            .iter()
            .filter_map(|slot| slot.read(|there| *there == token))
            .map(|(_, _, entry)| entry)
            .find(|entry| entry.generation == generation && entry.expires_at != 0)
    }

    /// Keeps a session, unless it is kept as it was in this generation or a later one; where there is no room, instead of
    /// the session that expires first. `holds` says whether that is still right, and is asked when every removal that
    /// begins afterwards finds it.
    pub(super) fn keep(&self, token: &TokenHash, entry: Entry, holds: impl FnOnce() -> bool) {
        let token = words(token);
        let mut least: Option<(&Slot, u64, i64)> = None;
        for slot in self.window(&token) {
            let Some((version, there, kept)) = slot.read(|_| true) else {
                continue;
            };
            let current = kept.expires_at != 0 && kept.generation >= entry.generation;
            if current && there == token {
                return;
            }
            // What is of no use goes first.
            let loss = if current { kept.expires_at } else { i64::MIN };
            if least.is_none_or(|(_, _, least)| loss < least) {
                least = Some((slot, version, loss));
            }
        }
        if let Some((slot, version, _)) = least
            && slot.begin(version)
        {
            slot.set(&token, entry);
            // Either `holds` sees what came before a removal, or the removal sees that this slot is written to.
            fence(Ordering::SeqCst);
            if !holds() {
                slot.clear();
            }
            slot.end(version);
        }
    }

    /// Removes a session. Who is about to keep it does not, if its `holds` has said no since before this was called.
    pub(super) fn remove(&self, token: &TokenHash) {
        let token = words(token);
        // See `keep`.
        fence(Ordering::SeqCst);
        for slot in self.window(&token) {
            while !slot.remove(&token) {}
        }
    }

    fn window(&self, token: &[u64; 4]) -> &[Slot] {
        // As large a part of the capacity as the hash is of all hashes.
        let at = (u128::from(token[0]) * self.capacity() as u128) >> u64::BITS;
        let at = usize::try_from(at).expect("less than the capacity");
        &self.slots[at..at + WINDOW]
    }
}

/// A token's hash as it stands in a slot.
fn words(token: &TokenHash) -> [u64; 4] {
    let (words, _) = token.as_bytes().as_chunks::<8>();
    std::array::from_fn(|at| u64::from_ne_bytes(words[at]))
}

impl Slot {
    /// The version, the token and what is kept of its session, if the token is a wanted one and nobody writes meanwhile.
    fn read(&self, wanted: impl Fn(&[u64; 4]) -> bool) -> Option<(u64, [u64; 4], Entry)> {
        let version = self.version.load(Ordering::Acquire);
        let token = std::array::from_fn(|at| self.token[at].load(Ordering::Relaxed));
        if !version.is_multiple_of(2) || !wanted(&token) {
            return None;
        }
        let entry = Entry {
            created_at: self.created_at.load(Ordering::Relaxed),
            expires_at: self.expires_at.load(Ordering::Relaxed),
            role: self.role.load(Ordering::Relaxed),
            generation: self.generation.load(Ordering::Relaxed),
        };
        fence(Ordering::Acquire);
        (self.version.load(Ordering::Relaxed) == version).then_some((version, token, entry))
    }

    /// Begins to write, if the slot still has this version, which is even.
    fn begin(&self, version: u64) -> bool {
        let begun = self.version.compare_exchange(
            version,
            version + 1,
            Ordering::Acquire,
            Ordering::Relaxed,
        );
        // Whoever sees anything of what is written from here on sees the odd version.
        fence(Ordering::Release);
        begun.is_ok()
    }

    /// Lets others see what was written since the slot had this version, which is even. Nothing, if a removal came in between.
    fn end(&self, version: u64) {
        let mut odd = version + 1;
        while let Err(now) =
            self.version
                .compare_exchange(odd, odd + 1, Ordering::Release, Ordering::Relaxed)
        {
            self.clear();
            odd = now;
        }
    }

    /// Between [`Slot::begin`] and [`Slot::end`].
    fn set(&self, token: &[u64; 4], entry: Entry) {
        for (word, value) in self.token.iter().zip(token) {
            word.store(*value, Ordering::Relaxed);
        }
        self.created_at.store(entry.created_at, Ordering::Relaxed);
        self.expires_at.store(entry.expires_at, Ordering::Relaxed);
        self.role.store(entry.role, Ordering::Relaxed);
        self.generation.store(entry.generation, Ordering::Relaxed);
    }

    /// Between [`Slot::begin`] and [`Slot::end`].
    fn clear(&self) {
        self.expires_at.store(0, Ordering::Relaxed);
    }

    /// Whether the session is certainly not here, or will not be once who writes here has ended.
    fn remove(&self, token: &[u64; 4]) -> bool {
        let version = self.version.load(Ordering::Acquire);
        if !version.is_multiple_of(2) {
            // It might be the session that is written: the writer notices that the version is another, and clears the slot.
            return self
                .version
                .compare_exchange(version, version + 2, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok();
        }
        match self.read(|_| true) {
            Some((version, there, entry)) if there == *token && entry.expires_at != 0 => {
                let begun = self.begin(version);
                if begun {
                    self.clear();
                    self.end(version);
                }
                begun
            }
            Some(_) => true,
            None => false,
        }
    }
}

#[cfg(test)]
mod tests;
