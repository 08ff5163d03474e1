//! Fills a database of the server with live sessions, because a million logins would take hours.

pub(crate) mod postgres;
pub(crate) mod sqlite;

use sha2::{Digest as _, Sha256};

pub(crate) const DOMAIN: &str = "bench.example";

pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// Sessions per user: half of the default of `session.per_user`, so that logins end none of them.
pub(crate) const SESSIONS_PER_USER: u64 = 50;

const LIFETIME_SECONDS: i64 = 30 * 24 * 60 * 60;

/// Pseudo-random numbers, the same in every run (SplitMix64, Steele et al. 2014).
#[derive(Debug)]
pub(crate) struct RandomNumbers(u64);

impl RandomNumbers {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

pub(crate) fn token(session: u64) -> String {
    let mut numbers = RandomNumbers::new(session);
    format!("{:016X}{:016X}", numbers.next(), numbers.next())
}

pub(crate) fn username(user: u64) -> String {
    format!("user{user}")
}

pub(crate) fn users(sessions: u64) -> u64 {
    sessions.div_ceil(SESSIONS_PER_USER)
}

/// Returns the hash of each token and the id of its user; `first_user` has the lowest id.
///
/// Sorted, because random order would write to every page of the index on the hashes.
fn sessions(sessions: u64, first_user: i64) -> Vec<([u8; 32], i64)> {
    let mut rows: Vec<([u8; 32], i64)> = (0..sessions)
        .map(|session| {
            let hash = Sha256::digest(token(session).as_bytes()).into();
            let user = i64::try_from(session % users(sessions)).expect("few users");
            (hash, first_user + user)
        })
        .collect();
    rows.sort_unstable();
    rows
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn tokens_are_distinct_and_have_32_hexadecimal_digits() {
        let tokens: HashSet<String> = (0..10_000).map(token).collect();
        assert_eq!(tokens.len(), 10_000);
        assert!(tokens.iter().all(|token| {
            token.len() == 32
                && token
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte))
        }));
    }

    #[test]
    fn numbers_below_a_limit_cover_the_range() {
        let mut numbers = RandomNumbers::new(7);
        let seen: HashSet<u64> = (0..200).map(|_| numbers.below(10)).collect();
        assert_eq!(seen, (0..10).collect());
    }

    #[test]
    fn users_have_equally_many_sessions_in_the_order_of_the_hashes() {
        let rows = sessions(200, 7);
        assert!(rows.is_sorted());
        for user in 7..11 {
            assert_eq!(rows.iter().filter(|(_, of)| *of == user).count(), 50);
        }
    }
}
