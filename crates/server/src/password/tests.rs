use proptest::prelude::*;

use super::*;
use crate::context::OsRandom;

/// Small enough for a test that hashes often.
const CHEAP: Cost = Cost {
    memory: 8,
    passes: 1,
    lanes: 1,
};

fn hasher(cost: Cost) -> Hasher {
    Hasher::new(cost, NonZeroUsize::MIN).unwrap()
}

fn password(text: &str) -> Password {
    Password::new(Secret::new(text.to_owned())).unwrap()
}

struct Counting;

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::try_from(at).unwrap();
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_hash_is_a_phc_string_of_the_cost_that_owasp_asks_for() {
    let hash = hasher(Cost::OWASP)
        .hash(&password("correct horse battery staple"), &Counting)
        .await
        .unwrap();
    insta::assert_snapshot!(hash.as_str(), @"$argon2id$v=19$m=19456,t=2,p=1$AAECAwQFBgcICQoLDA0ODw$gYJZtjEAJqjg26xdLmknq8/bB7MiWPrE9hsYuA+SkIU");
}

#[tokio::test]
async fn the_reference_implementation_s_hash_verifies() {
    // From `test.c` of github.com/P-H-C/phc-winner-argon2, whose parameters are not today's.
    let known = PasswordHash::from_store(
        "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
            .to_owned(),
    );
    let hasher = hasher(CHEAP);
    assert!(hasher.verify("password", Some(&known)).await.unwrap());
    assert!(!hasher.verify("Password", Some(&known)).await.unwrap());
}

#[tokio::test]
async fn only_the_very_password_verifies() {
    let hasher = hasher(CHEAP);
    let hash = hasher
        .hash(&password("pässword "), &OsRandom)
        .await
        .unwrap();
    let mut results = Vec::new();
    for attempt in [
        "pässword ",
        "pässword",
        "PÄSSWORD ",
        "pa\u{308}ssword ",
        "",
        "pässword \0",
    ] {
        results.push(hasher.verify(attempt, Some(&hash)).await.unwrap());
    }
    assert_eq!(results, [true, false, false, false, false, false]);
}

#[tokio::test]
async fn nothing_matches_nobody() {
    let hasher = hasher(CHEAP);
    for attempt in ["", "password"] {
        assert!(!hasher.verify(attempt, None).await.unwrap());
    }
    // The output of the stand-in is all zero. Were it ever hit, there would still be nobody.
    assert!(
        hasher
            .nobody
            .as_str()
            .ends_with("$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
    );
}

#[tokio::test]
async fn nobody_is_hashed_against_like_a_user() {
    let cost = Cost {
        memory: 64,
        ..CHEAP
    };
    let hasher = hasher(cost);
    assert!(!hasher.verify("password", None).await.unwrap());
    let spare = hasher.spare.lock().unwrap();
    let memory: Vec<usize> = spare.iter().map(Vec::len).collect();
    assert_eq!(memory, [64]);
    // The memory was worked through, up to its last block.
    assert_ne!(spare[0][63].as_ref(), Block::new().as_ref());
}

#[tokio::test]
async fn nobody_costs_what_a_user_costs() {
    for cost in [CHEAP, Cost::OWASP] {
        let hasher = hasher(cost);
        let user = hasher.hash(&password("password"), &OsRandom).await.unwrap();
        let parameters = |hash: &PasswordHash| {
            let (parameters, _output) = hash.as_str().rsplit_once('$').unwrap();
            let (parameters, salt) = parameters.rsplit_once('$').unwrap();
            (parameters.to_owned(), salt.len())
        };
        assert_eq!(parameters(&hasher.nobody), parameters(&user));
    }
}

#[tokio::test]
async fn equal_passwords_have_different_hashes() {
    let hasher = hasher(CHEAP);
    let one = hasher.hash(&password("same"), &OsRandom).await.unwrap();
    let two = hasher.hash(&password("same"), &OsRandom).await.unwrap();
    assert_ne!(one.as_str(), two.as_str());
}

#[tokio::test]
async fn a_stored_hash_that_cannot_be_used_is_an_error_and_no_refusal() {
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
        let result = hasher.verify("hunter2", Some(&stored_hash)).await;
        errors.push(format!("{stored:30.30} {}", result.unwrap_err()));
    }
    insta::assert_snapshot!(errors.join("\n"), @"
                                   a stored password hash cannot be used (it is no PHC string); set the user's password anew
    hunter2                        a stored password hash cannot be used (it is no PHC string); set the user's password anew
    $2b$12$abcdefghijklmnopqrstuv  a stored password hash cannot be used (it is no PHC string); set the user's password anew
    $argon2id$v=19$m=8,t=1,p=1     a stored password hash cannot be used (it has no salt or no output); set the user's password anew
    $argon2i$v=19$m=8,t=1,p=1$c29t a stored password hash cannot be used (it is not of Argon2id, version 19); set the user's password anew
    $argon2id$v=16$m=8,t=1,p=1$c29 a stored password hash cannot be used (it is not of Argon2id, version 19); set the user's password anew
    $argon2id$v=19$m=65537,t=1,p=1 a stored password hash cannot be used (it costs too much); set the user's password anew
    $argon2id$v=19$m=8,t=7,p=1$c29 a stored password hash cannot be used (it costs too much); set the user's password anew
    $argon2id$v=19$m=64,t=1,p=5$c2 a stored password hash cannot be used (it costs too much); set the user's password anew
    $argon2id$v=19$m=1,t=1,p=1$c29 a stored password hash cannot be used (its parameters are none); set the user's password anew
    ");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_gives_up_leaves_no_permit_and_no_memory_behind() {
    let hasher = hasher(CHEAP);
    let hash = hasher.hash(&password("password"), &OsRandom).await.unwrap();
    for _ in 0..50 {
        let (hasher, hash) = (hasher.clone(), hash.clone());
        let attempt =
            tokio::spawn(async move { hasher.verify("password", Some(&hash)).await.unwrap() });
        tokio::task::yield_now().await;
        attempt.abort();
        let _ = attempt.await;
    }
    assert!(hasher.verify("password", Some(&hash)).await.unwrap());
    assert_eq!(hasher.permits.available_permits(), 1);
    assert_eq!(hasher.spare.lock().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_hashes_at_once_than_allowed_and_their_memory_is_kept() {
    use std::sync::atomic::{AtomicUsize, Ordering};
    let hasher = Hasher::new(CHEAP, NonZeroUsize::new(2).unwrap()).unwrap();
    let (at_work, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut tasks = Vec::new();
    for _ in 0..32 {
        let (hasher, at_work, most) = (hasher.clone(), Arc::clone(&at_work), Arc::clone(&most));
        tasks.push(tokio::spawn(async move {
            hasher
                .work(move |memory| {
                    let now = at_work.fetch_add(1, Ordering::SeqCst) + 1;
                    most.fetch_max(now, Ordering::SeqCst);
                    let params = Params::new(8, 1, 1, None).unwrap();
                    let secret = Secret::new("x".to_owned());
                    let result = derive(&params, &secret, &[0; 16], &mut [0; 32], memory);
                    at_work.fetch_sub(1, Ordering::SeqCst);
                    result
                })
                .await
                .unwrap();
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert!(most.load(Ordering::SeqCst) <= 2);
    let spare = hasher.spare.lock().unwrap();
    assert!((1..=2).contains(&spare.len()));
    assert!(spare.iter().all(|memory| memory.len() == 8));
}

#[tokio::test]
async fn a_hash_that_panics_is_an_error_and_gives_its_permit_back() {
    let hasher = hasher(CHEAP);
    let result = hasher.work::<()>(|_| panic!("deliberate")).await;
    assert_eq!(
        result.unwrap_err().to_string(),
        "the hashing of a password was broken off"
    );
    assert!(!hasher.verify("password", None).await.unwrap());
}

#[test]
fn a_password_is_not_empty_and_fits_into_a_login() {
    let check = |text: String| Password::new(Secret::new(text)).map(|_| ());
    assert_eq!(check(String::new()), Err(PasswordError::Empty));
    assert_eq!(check(" ".to_owned()), Ok(()));
    assert_eq!(check("x".repeat(2048)), Ok(()));
    assert_eq!(check("x".repeat(2049)), Err(PasswordError::TooLong));
    // Bytes count, not characters.
    assert_eq!(check("é".repeat(1025)), Err(PasswordError::TooLong));
}

#[test]
fn a_password_below_eight_characters_is_short() {
    assert!(password("1234567").is_short());
    assert!(!password("12345678").is_short());
    // Characters count, not bytes.
    assert!(password("éééé").is_short());
}

#[test]
fn a_made_up_password_is_four_groups_of_random_characters() {
    let password = Password::make_up(&Counting).unwrap();
    assert_eq!(password.expose(), "01234-56789-abcde-fghjk");
    assert!(!password.is_short());
}

#[test]
fn debug_shows_nothing() {
    let secret = Secret::new("hunter2".to_owned());
    let hash = PasswordHash::from_store("$argon2id$hunter2".to_owned());
    insta::assert_snapshot!(
        format!("{secret:?} {:?} {hash:?} {:?}", password("hunter2"), hasher(CHEAP)),
        @"Secret Password(Secret) PasswordHash Hasher"
    );
}

proptest! {
    #[test]
    fn every_byte_makes_a_character_of_a_made_up_password(bytes: [u8; 20]) {
        struct Fixed([u8; 20]);
        impl Random for Fixed {
            fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
                bytes.copy_from_slice(&self.0);
                Ok(())
            }
        }
        let password = Password::make_up(&Fixed(bytes)).unwrap();
        let groups: Vec<&str> = password.expose().split('-').collect();
        prop_assert!(groups.len() == 4 && groups.iter().all(|group| group.len() == 5));
    }
}
