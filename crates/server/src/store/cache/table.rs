//! The table that [`super::SessionCache`] keeps sessions in: a look-up waits for memory once, and for no other thread.
//!
//! With a million sessions what a look-up costs is the wait for memory that no cache of the processor holds, and with many
//! cores what they write that others need. So a slot is half a line of the processor's cache, is found by the token's hash
//! alone, and is only read. Right after other work, as here, a look-up in quick_cache, which all cores write to each time,
//! took 0.63 µs, in scc's `HashCache` 0.41 µs (and 140 MB also where there are few sessions), and here it takes 0.25 µs.
//!
//! A session stands in one of the [`WINDOW`] slots that begin at the place which its token's hash gives. A slot has a
//! version: odd while somebody writes to it, and another after each change. Who reads looks at the version before and after
//! (a [seqlock](https://doi.org/10.1145/2247684.2247688)) and takes what was changed meanwhile for not there; who writes
//! leaves a slot alone that another writes to. So nobody waits for a thread that the system lets sleep.
//!
//! The memory is asked for at once and used from its beginning: the first block of it, and twice as many blocks each time
//! that too many sessions find no room. Which block a session stands in is told by as many bits of its hash as there are
//! doublings, so that half of the sessions stay where they are when the table grows. The others are read again when they
//! are asked for; nothing is moved, and nobody waits.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use zerocopy::FromZeros;

use crate::huge_pages;
use crate::token::TokenHash;

/// How many slots there are for a session to choose from: with two thirds of all slots taken one session in two hundred
/// finds none free, and most stand in the first two.
const WINDOW: usize = 16;

/// How many slots a block has at least: 128 KiB.
const BLOCK: usize = 4096;

/// The table grows when one in so many of its slots has had to be taken from a session that was of use.
const CROWDED: usize = 64;

/// What is kept of a session. Times are in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) created_at: u32,
    /// 0 stands for no session: such a one is not kept.
    pub(super) expires_at: u32,
    /// The number of the user.
    pub(super) user: u32,
    /// As [`super::SessionCache::generation`] was before it was read.
    pub(super) generation: u32,
}

/// As much of a token's hash as a slot has room for: 96 bits. A made-up token is compared with the sessions of one window,
/// so that it is taken for one of them with a chance of 2^-92 at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tag {
    place: u64,
    block: u32,
}

impl Tag {
    fn of(token: &TokenHash) -> Self {
        let [place, more, _, _]: [u64; 4] = zerocopy::transmute!(*token.as_bytes());
        Self {
            place,
            block: more as u32,
        }
    }
}

/// Room for one session. All zero: none is there.
#[derive(FromZeros)]
#[repr(C, align(32))]
struct Slot {
    /// Odd while the rest is written.
    version: AtomicU32,
    generation: AtomicU32,
    created_at: AtomicU32,
    /// Not 0 where a session is.
    expires_at: AtomicU32,
    place: AtomicU64,
    block: AtomicU32,
    user: AtomicU32,
}

/// See the module's documentation.
pub(super) struct Table {
    slots: Box<[Slot]>,
    /// How many slots a block has.
    block: usize,
    /// How often the table can double its one block.
    most_doublings: u32,
    /// How often it has.
    doublings: AtomicU32,
    /// How many sessions that were of use had to make room since.
    crowded_out: AtomicU32,
}

impl Table {
    /// Room for about `capacity` sessions, if the system promises the memory. It is taken as it is used, 4 KiB or, where
    /// the system has huge pages, 2 MiB at once.
    pub(super) fn new(capacity: usize) -> Option<Self> {
        let most_doublings = (capacity / BLOCK).checked_ilog2().unwrap_or(0);
        Self::of_blocks(capacity >> most_doublings, most_doublings)
    }

    /// A block of so many slots, that can double so often.
    fn of_blocks(block: usize, most_doublings: u32) -> Option<Self> {
        let slots = (block << most_doublings).checked_add(WINDOW - 1)?;
        let slots = Slot::new_vec_zeroed(slots).ok()?;
        huge_pages::ask(&slots);
        Some(Self {
            slots: slots.into_boxed_slice(),
            block,
            most_doublings,
            doublings: AtomicU32::new(0),
            crowded_out: AtomicU32::new(0),
        })
    }

    /// How many sessions there is room for at most.
    pub(super) fn capacity(&self) -> usize {
        self.size(self.most_doublings)
    }

    /// Grows until there is room for so many sessions, if it can.
    pub(super) fn reserve(&self, sessions: usize) {
        let roomy = |doublings: &u32| self.size(*doublings) / 3 >= sessions / 2;
        let doublings = (0..self.most_doublings).find(roomy);
        let doublings = doublings.unwrap_or(self.most_doublings);
        self.doublings.fetch_max(doublings, Ordering::AcqRel);
    }

    /// What is kept of a session, if it was read in this generation.
    pub(super) fn get(&self, token: &TokenHash, generation: u32) -> Option<Entry> {
        let tag = Tag::of(token);
        self.window(tag, self.doublings.load(Ordering::Acquire))
            .1
            .iter()
            .filter_map(|slot| slot.read(|there| there == tag))
            .map(|(_, _, entry)| entry)
            .find(|entry| entry.generation == generation && entry.expires_at != 0)
    }

    /// Keeps a session, unless it is kept as it was in this generation or a later one; where there is no room, instead of
    /// the session that expires first. `holds` says whether that is still right, and is asked when every removal that
    /// begins afterwards finds it.
    pub(super) fn keep(&self, token: &TokenHash, entry: Entry, holds: impl FnOnce() -> bool) {
        let tag = Tag::of(token);
        let Some((slot, version)) = self.room(tag, entry.generation) else {
            return;
        };
        if slot.begin(version) {
            slot.set(tag, entry);
            // Either `holds` sees what came before a removal, or the removal sees that this slot is written to.
            fence(Ordering::SeqCst);
            if !holds() {
                slot.clear();
            }
            slot.end(version);
        }
    }

    /// The slot to keep a session in, and the version it had; none if the session is kept as of this generation or a later
    /// one, or others write everywhere.
    fn room(&self, tag: Tag, generation: u32) -> Option<(&Slot, u32)> {
        loop {
            let doublings = self.doublings.load(Ordering::Acquire);
            let (first, window) = self.window(tag, doublings);
            let mut least: Option<(&Slot, u32, Option<u32>)> = None;
            for (at, slot) in (first..).zip(window) {
                let Some((version, there, kept)) = slot.read(|_| true) else {
                    continue;
                };
                let current = kept.expires_at != 0 && kept.generation >= generation;
                if current && there == tag {
                    return None;
                }
                // What is of no use goes first: also what is no longer looked for here since the table has grown. What has
                // expired is of use until it is swept, which removes it: there is no time here to tell.
                let home = self.first(there, doublings);
                let found = (home..home + WINDOW).contains(&at);
                let loss = (current && found).then_some(kept.expires_at);
                if least.is_none_or(|(_, _, least)| loss < least) {
                    least = Some((slot, version, loss));
                }
            }
            let (slot, version, loss) = least?;
            if loss.is_none() || !self.grow(doublings) {
                return Some((slot, version));
            }
        }
    }

    /// Counts a session that has to make room. Whether the table has grown instead.
    fn grow(&self, doublings: u32) -> bool {
        if doublings == self.most_doublings {
            return false;
        }
        let crowded_out = self.crowded_out.fetch_add(1, Ordering::Relaxed) as usize;
        if crowded_out < self.size(doublings) / CROWDED {
            return false;
        }
        self.crowded_out.store(0, Ordering::Relaxed);
        self.doublings.fetch_max(doublings + 1, Ordering::AcqRel);
        true
    }

    /// Removes a session. Who is about to keep it does not, if its `holds` has said no since before this was called.
    pub(super) fn remove(&self, token: &TokenHash) {
        let tag = Tag::of(token);
        // See `keep`.
        fence(Ordering::SeqCst);
        // Also from where it stood before the table grew: others may not have seen yet that it has.
        for doublings in 0..=self.doublings.load(Ordering::Acquire) {
            for slot in self.window(tag, doublings).1 {
                while !slot.remove(tag) {}
            }
        }
    }

    /// How many slots there are after so many doublings.
    fn size(&self, doublings: u32) -> usize {
        self.block << doublings
    }

    /// Where the slots begin that a session chooses from after so many doublings.
    fn first(&self, tag: Tag, doublings: u32) -> usize {
        // As large a part of the block as these bits of the hash are of all their values.
        let place = (u128::from(tag.place) * self.block as u128) >> u64::BITS;
        let block = tag.block & !(u32::MAX << doublings);
        block as usize * self.block + usize::try_from(place).expect("less than a block")
    }

    fn window(&self, tag: Tag, doublings: u32) -> (usize, &[Slot]) {
        let first = self.first(tag, doublings);
        (first, &self.slots[first..first + WINDOW])
    }
}

impl Slot {
    /// The version, the session's tag and what is kept of it, if the tag is a wanted one and nobody writes meanwhile.
    fn read(&self, wanted: impl Fn(Tag) -> bool) -> Option<(u32, Tag, Entry)> {
        let version = self.version.load(Ordering::Acquire);
        let tag = Tag {
            place: self.place.load(Ordering::Relaxed),
            block: self.block.load(Ordering::Relaxed),
        };
        if !version.is_multiple_of(2) || !wanted(tag) {
            return None;
        }
        let entry = Entry {
            created_at: self.created_at.load(Ordering::Relaxed),
            expires_at: self.expires_at.load(Ordering::Relaxed),
            user: self.user.load(Ordering::Relaxed),
            generation: self.generation.load(Ordering::Relaxed),
        };
        fence(Ordering::Acquire);
        (self.version.load(Ordering::Relaxed) == version).then_some((version, tag, entry))
    }

    /// Begins to write, if the slot still has this version, which is even.
    fn begin(&self, version: u32) -> bool {
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
    fn end(&self, version: u32) {
        let mut odd = version + 1;
        while let Err(now) = self.version.compare_exchange(
            odd,
            odd.wrapping_add(1),
            Ordering::Release,
            Ordering::Relaxed,
        ) {
            self.clear();
            odd = now;
        }
    }

    /// Between [`Slot::begin`] and [`Slot::end`].
    fn set(&self, tag: Tag, entry: Entry) {
        self.place.store(tag.place, Ordering::Relaxed);
        self.block.store(tag.block, Ordering::Relaxed);
        self.created_at.store(entry.created_at, Ordering::Relaxed);
        self.expires_at.store(entry.expires_at, Ordering::Relaxed);
        self.user.store(entry.user, Ordering::Relaxed);
        self.generation.store(entry.generation, Ordering::Relaxed);
    }

    /// Between [`Slot::begin`] and [`Slot::end`].
    fn clear(&self) {
        self.expires_at.store(0, Ordering::Relaxed);
    }

    /// Whether the session is certainly not here, or will not be once who writes here has ended.
    fn remove(&self, tag: Tag) -> bool {
        let version = self.version.load(Ordering::Acquire);
        if !version.is_multiple_of(2) {
            // It might be the session that is written: the writer notices that the version is another, and clears the slot.
            let told = version.wrapping_add(2);
            return self
                .version
                .compare_exchange(version, told, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok();
        }
        match self.read(|_| true) {
            Some((version, there, entry)) if there == tag && entry.expires_at != 0 => {
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
