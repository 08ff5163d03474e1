use proptest::prelude::*;

use super::*;
use crate::domain::password::PasswordError;
use crate::random::OsRandom;

/// Cheap enough for a test that hashes often.
const CHEAP: Cost = Cost {
    memory: 8,
    passes: 1,
    lanes: 1,
};

fn hasher(cost: Cost) -> Hasher {
    Hasher::new(cost, NonZeroUsize::MIN).unwrap()
}

async fn hashed(hasher: &Hasher, text: &str) -> PasswordHash {
    let permit = hasher.try_acquire().unwrap();
    let hash = hasher.hash(&permit, &password(text), &OsRandom).await;
    hash.unwrap()
}

async fn matches(hasher: &Hasher, text: &str, against: Option<&PasswordHash>) -> bool {
    let permit = hasher.try_acquire().unwrap();
    let verified = hasher.verify(&permit, text, against).await;
    verified.unwrap().matches
}

fn password(text: &str) -> Password {
    Password::new(Secret::new(text.to_owned())).unwrap()
}

struct CountingRandom;

impl Random for CountingRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::try_from(at).unwrap();
        }
        Ok(())
    }
}

#[tokio::test]
async fn hash_is_a_phc_string_of_the_owasp_cost() {
    let hasher = hasher(Cost::OWASP);
    let permit = hasher.try_acquire().unwrap();
    let password = password("correct horse battery staple");
    let hash = hasher
        .hash(&permit, &password, &CountingRandom)
        .await
        .unwrap();
    insta::assert_snapshot!(hash.as_str(), @"$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$gYJZtjEAJqjg26xdLmknq8/bB7MiWPrE9hsYuA+SkIU");
}

#[tokio::test]
async fn hash_of_the_reference_implementation_verifies() {
    // From `test.c` of github.com/P-H-C/phc-winner-argon2, with parameters that differ from the current ones.
    let known = PasswordHash::from_store(
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
            .to_owned(),
    );
    let hasher = hasher(CHEAP);
    assert!(matches(&hasher, "password", Some(&known)).await);
    assert!(!matches(&hasher, "Password", Some(&known)).await);
}

#[tokio::test]
async fn only_the_exact_password_verifies() {
    let hasher = hasher(CHEAP);
    let hash = hashed(&hasher, "pässword ").await;
    let mut results = Vec::new();
    for attempt in [
        "pässword ",
        "pässword",
        "PÄSSWORD ",
        "pa\u{308}ssword ",
        "",
        "pässword \0",
    ] {
        results.push(matches(&hasher, attempt, Some(&hash)).await);
    }
    assert_eq!(results, [true, false, false, false, false, false]);
}

#[tokio::test]
async fn dummy_hash_matches_no_password() {
    let hasher = hasher(CHEAP);
    for attempt in ["", "password"] {
        assert!(!matches(&hasher, attempt, None).await);
    }
    // Even a password with an output of zeros would not match.
    assert!(
        hasher
            .dummy_hash
            .as_str()
            .ends_with("$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
    );
}

#[test]
fn dummy_hash_verification_does_the_full_work() {
    let cost = Cost {
        memory: 64,
        ..CHEAP
    };
    let hasher = hasher(cost);
    let mut memory = Memory::new();
    let secret = Secret::new("password".to_owned());
    let verified = verify(&secret, &hasher.dummy_hash, &hasher.params, &mut memory).unwrap();
    assert!(!verified.matches);
    // The whole memory was used, including its last block.
    assert_eq!(memory.len(), 64);
    assert_ne!(memory[63].as_ref(), Block::new().as_ref());
}

#[tokio::test]
async fn hash_of_another_cost_is_outdated_whether_or_not_it_matches() {
    let old = hasher(CHEAP);
    let hash = hashed(&old, "password").await;
    for (cost, outdated) in [
        (CHEAP, false),
        (
            Cost {
                memory: 16,
                ..CHEAP
            },
            true,
        ),
        (Cost { passes: 2, ..CHEAP }, true),
        (
            Cost {
                memory: 16,
                lanes: 2,
                ..CHEAP
            },
            true,
        ),
    ] {
        let hasher = hasher(cost);
        let permit = hasher.try_acquire().unwrap();
        for (attempt, matches) in [("password", true), ("Password", false)] {
            let verified = hasher.verify(&permit, attempt, Some(&hash)).await.unwrap();
            assert_eq!(verified, Verified { matches, outdated });
        }
        let dummy_hash = hasher.verify(&permit, "password", None).await.unwrap();
        assert!(!dummy_hash.outdated);
    }
}

#[tokio::test]
async fn cheaper_hash_takes_as_long_as_the_dummy_hash() {
    let hash = hashed(&hasher(CHEAP), "password").await;
    let current = Params::new(64, 2, 1, None).unwrap();
    for attempt in ["password", "Password"] {
        let mut memory = Memory::new();
        verify(
            &Secret::new(attempt.to_owned()),
            &hash,
            &current,
            &mut memory,
        )
        .unwrap();
        // Of the 128 blocks at the current cost, the old hash takes 8 and the padding 120: 60 in each of two passes.
        assert_eq!(memory.len(), 60);
        assert_ne!(memory[59].as_ref(), Block::new().as_ref());
    }
}

#[test]
fn padding_of_a_cheaper_hash_uses_no_more_memory_than_a_full_hash() {
    let padded = |done: (u32, u32), current: (u32, u32)| {
        let params = |(memory, passes)| Params::new(memory, passes, 1, None).unwrap();
        let padding = padding(&params(done), &params(current))?;
        Some((padding.m_cost(), padding.t_cost()))
    };
    assert_eq!(padded((19456, 2), (65536, 2)), Some((46080, 2)));
    assert_eq!(padded((19456, 2), (19456, 3)), Some((6485, 3)));
    assert_eq!(padded((47104, 1), (12288, 6)), Some((4437, 6)));
    // The cost is equal, the hash is more expensive, or the difference is below the minimum of Argon2.
    assert_eq!(padded((19456, 2), (19456, 2)), None);
    assert_eq!(padded((65536, 2), (19456, 2)), None);
    assert_eq!(padded((19450, 2), (19456, 2)), None);
}

#[test]
fn cost_below_owasp_or_above_the_maximum_is_refused() {
    for (memory, passes) in [
        (47104, 1),
        (19456, 2),
        (12288, 3),
        (9216, 4),
        (7168, 5),
        (65536, 6),
    ] {
        assert!(
            Cost::from_settings(memory, passes).is_ok(),
            "{memory} {passes}"
        );
    }
    for (memory, passes) in [
        (35839, 1),
        (19456, 1),
        (7168, 4),
        (5974, 6),
        (65537, 2),
        (19456, 7),
        (19456, 0),
        (0, 2),
    ] {
        assert_eq!(
            Cost::from_settings(memory, passes),
            Err(CostError),
            "{memory} {passes}"
        );
    }
}

#[tokio::test]
async fn dummy_hash_has_the_cost_of_a_new_hash() {
    for cost in [CHEAP, Cost::OWASP] {
        let hasher = hasher(cost);
        let user = hashed(&hasher, "password").await;
        let parameters = |hash: &PasswordHash| {
            let (parameters, _output) = hash.as_str().rsplit_once('$').unwrap();
            let (parameters, salt) = parameters.rsplit_once('$').unwrap();
            (parameters.to_owned(), salt.len())
        };
        assert_eq!(parameters(&hasher.dummy_hash), parameters(&user));
    }
}

#[tokio::test]
async fn hashes_of_equal_passwords_differ() {
    let hasher = hasher(CHEAP);
    let one = hashed(&hasher, "same").await;
    let two = hashed(&hasher, "same").await;
    assert_ne!(one.as_str(), two.as_str());
}

#[tokio::test]
async fn unusable_stored_hash_is_an_error_not_a_refusal() {
    let hasher = hasher(CHEAP);
    let mut errors = Vec::new();
    for stored in [
        "",
        "hunter2",
        "$2b$12$abcdefghijklmnopqrstuv",
        "$argon2id$v=19$m=8,t=1,p=1",
        "$argon2i$v=19$m=8,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=16$m=8,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=65537,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=8,t=7,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=64,t=1,p=5$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=1,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
    ] {
        let stored_hash = PasswordHash::from_store(stored.to_owned());
        let permit = hasher.try_acquire().unwrap();
        let result = hasher.verify(&permit, "hunter2", Some(&stored_hash)).await;
        errors.push(format!("{stored:30.30} {}", result.unwrap_err()));
    }
    insta::assert_snapshot!(errors.join("\n"), @"
                                   a stored password hash cannot be used (it is not a PHC string); set the user's password again
    hunter2                        a stored password hash cannot be used (it is not a PHC string); set the user's password again
    $2b$12$abcdefghijklmnopqrstuv  a stored password hash cannot be used (it is not a PHC string); set the user's password again
    $argon2id$v=19$m=8,t=1,p=1     a stored password hash cannot be used (its salt or output is missing); set the user's password again
    $argon2i$v=19$m=8,t=1,p=1$c29t a stored password hash cannot be used (it is not Argon2id, version 19); set the user's password again
    $argon2id$v=16$m=8,t=1,p=1$c29 a stored password hash cannot be used (it is not Argon2id, version 19); set the user's password again
    $argon2id$v=19$m=65537,t=1,p=1 a stored password hash cannot be used (its cost is too high); set the user's password again
    $argon2id$v=19$m=8,t=7,p=1$c29 a stored password hash cannot be used (its cost is too high); set the user's password again
    $argon2id$v=19$m=64,t=1,p=5$c2 a stored password hash cannot be used (its cost is too high); set the user's password again
    $argon2id$v=19$m=1,t=1,p=1$c29 a stored password hash cannot be used (its parameters are invalid); set the user's password again
    ");
}

#[test]
fn empty_or_too_long_password_is_refused() {
    let check = |text: String| Password::new(Secret::new(text)).map(|_| ());
    assert_eq!(check(String::new()), Err(PasswordError::Empty));
    assert_eq!(check(" ".to_owned()), Ok(()));
    assert_eq!(check("x".repeat(2048)), Ok(()));
    assert_eq!(check("x".repeat(2049)), Err(PasswordError::TooLong));
    // The limit is in bytes, not in characters.
    assert_eq!(check("é".repeat(1025)), Err(PasswordError::TooLong));
}

#[test]
fn generated_password_is_four_groups_of_random_characters() {
    let password = Password::generate(&CountingRandom).unwrap();
    assert_eq!(password.expose(), "01234-56789-abcde-fghjk");
}

#[test]
fn debug_of_password_and_hash_hides_them() {
    let secret = Secret::new("hunter2".to_owned());
    let hash = PasswordHash::from_store("$argon2id$hunter2".to_owned());
    insta::assert_snapshot!(
        format!("{secret:?} {:?} {hash:?} {:?}", password("hunter2"), hasher(CHEAP)),
        @"Secret Password(Secret) PasswordHash Hasher"
    );
}

proptest! {
    #[test]
    fn every_byte_maps_to_a_character_of_a_generated_password(bytes: [u8; 20]) {
        struct FixedRandom([u8; 20]);
        impl Random for FixedRandom {
            fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
                bytes.copy_from_slice(&self.0);
                Ok(())
            }
        }
        let password = Password::generate(&FixedRandom(bytes)).unwrap();
        let groups: Vec<&str> = password.expose().split('-').collect();
        prop_assert!(groups.len() == 4 && groups.iter().all(|group| group.len() == 5));
    }
}
