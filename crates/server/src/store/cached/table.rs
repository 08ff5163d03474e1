//! A bounded concurrent map from the hash of a token to its session.
//!
//! It is divided into shards, small hash tables with a lock each, so that threads seldom contend. A look-up takes one
//! lock and reads three cache lines. A full shard evicts a session for each new one.

use std::mem;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use hashbrown::HashTable;

use crate::token::TokenHash;

/// The maximum number of buckets of a shard, a power of two.
const MAX_SHARD_BUCKETS: usize = 1024;

/// The maximum number of sessions in a shard: 13/16 of its buckets.
///
/// A hash table can fill 7/8. The difference is left for the tombstones of removed entries, so that the table is
/// rebuilt after a few dozen removals and not after each one.
const MAX_SHARD_SESSIONS: usize = 832;

const EVICTION_SAMPLE: usize = 8;

/// A cached session, with times in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CachedSession {
    pub(super) created_at: u32,
    pub(super) expires_at: u32,
    /// The user's number in `UserNumbers`.
    pub(super) user: u32,
}

/// 96 bits of a token's hash, which identify its session within a shard.
///
/// A guessed token is compared with one shard's sessions, so it matches one of them with a probability of 2^-86.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key([u32; 3]);

impl Key {
    fn of(token: &TokenHash) -> Self {
        Self([0, 1, 2].map(|index| word(token, index)))
    }

    /// Returns bits of the key, which are random already.
    fn hash(&self) -> u64 {
        u64::from(self.0[0]) << u32::BITS | u64::from(self.0[1])
    }
}

fn word(token: &TokenHash, index: usize) -> u32 {
    let (words, _) = token.as_bytes().as_chunks();
    u32::from_ne_bytes(words[index])
}

struct Entry {
    key: Key,
    session: CachedSession,
}

#[repr(align(64))]
struct Shard(RwLock<HashTable<Entry>>);

impl Shard {
    fn read(&self) -> RwLockReadGuard<'_, HashTable<Entry>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashTable<Entry>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct SessionTable {
    shards: Box<[Shard]>,
    max_shard_sessions: usize,
}

impl SessionTable {
    pub(super) fn new(capacity: usize) -> Self {
        let shards = capacity.div_ceil(MAX_SHARD_SESSIONS).max(1);
        Self {
            shards: (0..shards).map(|_| Shard(RwLock::default())).collect(),
            max_shard_sessions: capacity.div_ceil(shards),
        }
    }

    pub(super) fn capacity(&self) -> usize {
        self.shards.len() * self.max_shard_sessions
    }

    pub(super) fn get(&self, token: &TokenHash) -> Option<CachedSession> {
        let key = Key::of(token);
        let shard = self.shard(token).read();
        let entry = shard.find(key.hash(), |entry| entry.key == key)?;
        Some(entry.session)
    }

    /// Inserts a session if the token has none and `is_current` returns `true`.
    ///
    /// `is_current` runs under the lock that [`SessionTable::remove`] and [`SessionTable::clear`] take: either it sees
    /// what happened before a removal, or the removal finds the session.
    pub(super) fn insert(
        &self,
        token: &TokenHash,
        session: CachedSession,
        is_current: impl FnOnce() -> bool,
    ) {
        let key = Key::of(token);
        let mut shard = self.shard(token).write();
        let is_vacant = shard.find(key.hash(), |entry| entry.key == key).is_none();
        if !is_vacant || !is_current() {
            return;
        }
        if shard.len() >= self.max_shard_sessions {
            evict(&mut shard, key);
        }
        shard.insert_unique(key.hash(), Entry { key, session }, |entry| entry.key.hash());
        if shard.num_buckets() > MAX_SHARD_BUCKETS {
            // The shard grew because of tombstones, not because it has more entries.
            shard.shrink_to_fit(|entry| entry.key.hash());
        }
    }

    pub(super) fn remove(&self, token: &TokenHash) {
        let key = Key::of(token);
        let mut shard = self.shard(token).write();
        if let Ok(entry) = shard.find_entry(key.hash(), |entry| entry.key == key) {
            entry.remove();
        }
    }

    pub(super) fn clear(&self) {
        for shard in &self.shards {
            let removed = mem::take(&mut *shard.write());
            // The entries are freed only after the lock is released.
            drop(removed);
        }
    }

    fn shard(&self, token: &TokenHash) -> &Shard {
        // Maps the values of the word evenly to the shards.
        let index = (u64::from(word(token, 3)) * self.shards.len() as u64) >> u32::BITS;
        &self.shards[usize::try_from(index).expect("the index is below the number of shards")]
    }
}

/// Evicts the session that expires first in a small sample near the bucket of `key`.
fn evict(shard: &mut HashTable<Entry>, key: Key) {
    let buckets = shard.num_buckets();
    let start = usize::try_from(key.hash() % buckets as u64)
        .expect("the index is below the number of buckets");
    let victim = (start..buckets)
        .chain(0..start)
        .filter_map(|index| Some((index, shard.get_bucket(index)?.session.expires_at)))
        .take(EVICTION_SAMPLE)
        .min_by_key(|(_, expires_at)| *expires_at);
    if let Some((index, _)) = victim
        && let Ok(entry) = shard.get_bucket_entry(index)
    {
        entry.remove();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use proptest::prelude::*;

    use super::*;
    use crate::token::Token;

    fn token(number: usize) -> TokenHash {
        Token::parse(&format!("{number:032X}")).unwrap().hash()
    }

    fn session(expires_at: u32) -> CachedSession {
        CachedSession {
            created_at: expires_at % 7,
            expires_at,
            user: expires_at * 3,
        }
    }

    fn always() -> bool {
        true
    }

    fn count_found(table: &SessionTable, sessions: usize) -> usize {
        (0..sessions)
            .filter(|number| table.get(&token(*number)).is_some())
            .count()
    }

    #[test]
    fn entry_takes_24_bytes_and_shard_one_cache_line() {
        assert_eq!((size_of::<Entry>(), size_of::<Shard>()), (24, 64));
    }

    #[test]
    fn inserted_session_is_found_until_it_is_removed() {
        let table = SessionTable::new(10);
        assert_eq!(table.get(&token(1)), None);
        table.insert(&token(1), session(100), always);
        table.insert(&token(2), session(200), always);
        assert_eq!(table.get(&token(1)), Some(session(100)));
        table.remove(&token(1));
        assert_eq!(table.get(&token(1)), None);
        assert_eq!(table.get(&token(2)), Some(session(200)));
        table.clear();
        assert_eq!(table.get(&token(2)), None);
    }

    #[test]
    fn present_session_is_not_replaced() {
        let table = SessionTable::new(10);
        table.insert(&token(1), session(100), always);
        table.insert(&token(1), session(200), always);
        assert_eq!(table.get(&token(1)), Some(session(100)));
    }

    #[test]
    fn session_that_is_not_current_is_not_inserted() {
        let table = SessionTable::new(10);
        table.insert(&token(1), session(100), || false);
        assert_eq!(table.get(&token(1)), None);
    }

    #[test]
    fn token_that_differs_in_one_of_96_bits_is_not_found() {
        let table = SessionTable::new(1);
        let hash = *token(1).as_bytes();
        table.insert(&TokenHash::from_store(hash), session(100), always);
        let found = (0..256).filter(|bit| {
            let mut other = hash;
            other[bit / 8] ^= 1 << (bit % 8);
            table.get(&TokenHash::from_store(other)).is_some()
        });
        assert_eq!(found.collect::<Vec<_>>(), (96..256).collect::<Vec<_>>());
    }

    #[test]
    fn full_table_evicts_one_session_for_each_new_one() {
        let table = SessionTable::new(3);
        for number in 0..100 {
            table.insert(&token(number), session(100), always);
            assert!(table.get(&token(number)).is_some(), "{number}");
        }
        assert_eq!(count_found(&table, 100), 3);
    }

    #[test]
    fn full_table_evicts_the_session_that_expires_first() {
        let table = SessionTable::new(EVICTION_SAMPLE);
        for number in 0..EVICTION_SAMPLE {
            let expires_at = 100 + u32::try_from(number * 5 % EVICTION_SAMPLE).unwrap();
            table.insert(&token(number), session(expires_at), always);
        }
        table.insert(&token(100), session(50), always);
        assert_eq!(table.get(&token(0)), None);
        assert_eq!(count_found(&table, 101), EVICTION_SAMPLE);
        table.insert(&token(101), session(200), always);
        assert_eq!(table.get(&token(100)), None);
    }

    #[test]
    fn shards_do_not_grow_however_often_sessions_change() {
        let table = SessionTable::new(MAX_SHARD_SESSIONS);
        for number in 0..20 * MAX_SHARD_SESSIONS {
            table.insert(&token(number), session(100), always);
            assert!(table.shards[0].read().num_buckets() <= MAX_SHARD_BUCKETS);
        }
        assert_eq!(table.shards[0].read().len(), MAX_SHARD_SESSIONS);
    }

    #[test]
    fn sessions_spread_over_all_shards() {
        let table = SessionTable::new(100_000);
        assert!(table.capacity() >= 100_000);
        for number in 0..50_000 {
            table.insert(&token(number), session(100), always);
        }
        assert_eq!(count_found(&table, 50_000), 50_000);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Insert(usize, u32),
        Remove(usize),
        Clear,
    }

    proptest! {
        #[test]
        fn found_session_is_the_one_that_was_inserted_and_not_removed_since(
            steps in prop::collection::vec(
                prop_oneof![
                    20 => (0..60_usize, 1..1000_u32).prop_map(|(number, expires_at)| Step::Insert(number, expires_at)),
                    5 => (0..60_usize).prop_map(Step::Remove),
                    1 => Just(Step::Clear),
                ],
                0..100,
            ),
        ) {
            let table = SessionTable::new(40);
            let mut inserted: [Option<u32>; 60] = [None; 60];
            for step in steps {
                match step {
                    Step::Insert(number, expires_at) => {
                        let is_vacant = table.get(&token(number)).is_none();
                        table.insert(&token(number), session(expires_at), always);
                        if is_vacant {
                            inserted[number] = Some(expires_at);
                        }
                    }
                    Step::Remove(number) => {
                        table.remove(&token(number));
                        inserted[number] = None;
                    }
                    Step::Clear => {
                        table.clear();
                        inserted = [None; 60];
                    }
                }
                for (number, inserted) in inserted.iter().enumerate() {
                    if let Some(found) = table.get(&token(number)) {
                        prop_assert_eq!(Some(found), inserted.map(session));
                    }
                }
            }
        }
    }

    #[test]
    fn removed_session_is_not_inserted_again_by_concurrent_threads() {
        let table = SessionTable::new(16);
        let has_ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for thread in 0..2 {
                let (table, has_ended) = (&table, &has_ended);
                scope.spawn(move || {
                    for round in 1..5_000_u32 {
                        let number = round as usize % 20;
                        let is_current = || number != 0 || !has_ended.load(Ordering::SeqCst);
                        table.insert(&token(number), session(round * 2 + thread), is_current);
                        if round == 2_500 {
                            has_ended.store(true, Ordering::SeqCst);
                            table.remove(&token(0));
                        } else if number != 0 && round % 3 == 0 {
                            table.remove(&token(number));
                        }
                    }
                });
                scope.spawn(move || {
                    for round in 0..5_000 {
                        if let Some(found) = table.get(&token(round % 20)) {
                            assert_eq!(found, session(found.expires_at));
                        }
                    }
                });
            }
        });
        assert_eq!(table.get(&token(0)), None);
    }
}
