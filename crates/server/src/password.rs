//! Passwords: what may be one, how it is stored, how it is verified.
//!
//! Stored is a PHC string of Argon2id. [`Hasher`] is the only way in and out. It works off the async runtime, at most one
//! hash a core at a time, and keeps the memory of finished hashes for the next: allocating 19 MiB anew for each costs a
//! fifth of the throughput (measured: 90 instead of 113 hashes a second on one core). A login for which there is no user
//! takes the same path against a hash that nothing matches, so that it takes the same time.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash as Phc, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::context::{Random, RandomError};

/// A text that must not be shown. Its `Debug` shows nothing, and its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// A password that a user may be given: not empty, at most [`Password::MAX_BYTES`] long. Nothing else is asked of it
/// (NIST SP 800-63B, section 5.1.1.2, advises against rules of composition), and it is taken as it is, byte for byte.
#[derive(Debug, Clone)]
pub struct Password(Secret);

impl Password {
    /// The longest password, in bytes of UTF-8. The body of a login is bounded at 16 KiB, and JSON may spend six bytes
    /// on one (`\u0041`): what can be set must fit into a login.
    pub const MAX_BYTES: usize = 2048;

    /// Below so many characters a password is easily guessed (NIST SP 800-63B, section 5.1.1.1).
    pub const ADVISED_CHARACTERS: usize = 8;

    /// Takes a password that somebody chose.
    ///
    /// # Errors
    ///
    /// [`PasswordError`] when it is empty or too long.
    pub fn new(secret: Secret) -> Result<Self, PasswordError> {
        match secret.expose().len() {
            0 => Err(PasswordError::Empty),
            1..=Self::MAX_BYTES => Ok(Self(secret)),
            _ => Err(PasswordError::TooLong),
        }
    }

    /// Makes a password up: 100 random bits in four groups of five characters, without those that are easily misread
    /// (Crockford's base 32).
    ///
    /// # Errors
    ///
    /// When the random source gives no bytes.
    pub fn make_up(random: &dyn Random) -> Result<Self, RandomError> {
        const GROUPS: usize = 4;
        const GROUP: usize = 5;
        let mut bytes = Zeroizing::new([0; GROUPS * GROUP]);
        random.fill(bytes.as_mut())?;
        let mut text = String::with_capacity(GROUPS * (GROUP + 1));
        for (at, byte) in bytes.iter().enumerate() {
            if at > 0 && at % GROUP == 0 {
                text.push('-');
            }
            text.push(char::from(
                b"0123456789abcdefghjkmnpqrstvwxyz"[usize::from(byte % 32)],
            ));
        }
        Ok(Self(Secret::new(text)))
    }

    /// Whether it is shorter than [`Password::ADVISED_CHARACTERS`]: allowed, but worth a warning.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.expose().chars().count() < Self::ADVISED_CHARACTERS
    }

    /// The text.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// A text is no password that a user may be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// It is empty.
    #[error("the password is empty; choose one of at least 8 characters")]
    Empty,
    /// It is longer than [`Password::MAX_BYTES`].
    #[error("the password is longer than 2048 bytes; choose a shorter one")]
    TooLong,
}

/// What is stored of a password: a PHC string. Its `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Takes a PHC string from the store; whether it can be read shows when it is verified against.
    #[must_use]
    pub fn from_store(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string, for the store.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}

/// What one hash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory, in KiB.
    pub memory: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes; they are worked one after the other.
    pub lanes: u32,
}

impl Cost {
    /// The figures of the OWASP Password Storage Cheat Sheet for Argon2id.
    pub const OWASP: Self = Self {
        memory: 19456,
        passes: 2,
        lanes: 1,
    };

    /// The most that a stored hash may ask for: twice the passes of the second choice of RFC 9106, section 4 (64 MiB,
    /// 3 passes, 4 lanes). A hash that asks for more did not come from here; it could stop the server.
    const MOST: Self = Self {
        memory: 65536,
        passes: 6,
        lanes: 4,
    };

    fn within(self, most: Self) -> bool {
        self.memory <= most.memory && self.passes <= most.passes && self.lanes <= most.lanes
    }
}

/// A password could not be hashed or verified.
#[derive(Debug, thiserror::Error)]
pub enum HasherError {
    /// There was no salt to be had.
    #[error("no salt for a password")]
    Salt(#[from] RandomError),
    /// The stored text is no hash of ours, or asks for more than [`Hasher`] gives.
    #[error("a stored password hash cannot be used ({0}); set the user's password anew")]
    Unusable(&'static str),
    /// The thread that hashed is gone.
    #[error("the hashing of a password was broken off")]
    BrokenOff,
}

/// Hashes and verifies passwords. Clones share their memory and their limit.
#[derive(Clone)]
pub struct Hasher {
    params: Params,
    /// One permit a hash at work.
    permits: Arc<Semaphore>,
    /// The memory of hashes that are done: never more pieces than permits.
    spare: Arc<Mutex<Vec<Memory>>>,
    /// Of today's cost, and matched by nothing: see [`Hasher::verify`].
    nobody: PasswordHash,
}

type Memory = Vec<Block>;

impl Hasher {
    /// Bytes of salt, as RFC 9106, section 3.1, recommends.
    const SALT: usize = 16;

    /// Bytes of output: 256 bits, as RFC 9106, section 4, recommends.
    const OUTPUT: usize = 32;

    /// At most `at_once` hashes at a time, each of `cost`.
    ///
    /// # Errors
    ///
    /// [`HasherError::Unusable`] when the cost is not one that Argon2 allows or that a stored hash may ask for.
    pub fn new(cost: Cost, at_once: NonZeroUsize) -> Result<Self, HasherError> {
        if !cost.within(Cost::MOST) {
            return Err(HasherError::Unusable("it costs too much"));
        }
        let params = Params::new(cost.memory, cost.passes, cost.lanes, Some(Self::OUTPUT))
            .map_err(|_| HasherError::Unusable("it costs too little"))?;
        let nobody = phc(&params, &[0; Self::SALT], &[0; Self::OUTPUT])?;
        Ok(Self {
            params,
            permits: Arc::new(Semaphore::new(at_once.get())),
            spare: Arc::default(),
            nobody,
        })
    }

    /// [`Cost::OWASP`], and as many at a time as the machine has cores.
    #[must_use]
    pub fn for_this_machine() -> Self {
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Self::new(Cost::OWASP, cores).expect("a cost that Argon2 allows")
    }

    /// Hashes a password with a new salt.
    ///
    /// # Errors
    ///
    /// [`HasherError::Salt`] without random bytes, [`HasherError::BrokenOff`] when the runtime goes down.
    pub async fn hash(
        &self,
        password: &Password,
        random: &dyn Random,
    ) -> Result<PasswordHash, HasherError> {
        let mut salt = [0; Self::SALT];
        random.fill(&mut salt)?;
        let password = password.0.clone();
        let params = self.params.clone();
        self.work(move |memory| {
            let mut output = Zeroizing::new([0; Self::OUTPUT]);
            derive(&params, &password, &salt, output.as_mut(), memory)?;
            phc(&params, &salt, output.as_ref())
        })
        .await
    }

    /// Whether the password is the one that was hashed. `None` costs the same and is never a match: the caller has no
    /// reason to return early where there is no user, and so cannot tell by time that there is none.
    ///
    /// # Errors
    ///
    /// [`HasherError::Unusable`] when `against` cannot be read, [`HasherError::BrokenOff`] when the runtime goes down.
    pub async fn verify(
        &self,
        password: &str,
        against: Option<&PasswordHash>,
    ) -> Result<bool, HasherError> {
        let known = against.is_some();
        let stored = against.unwrap_or(&self.nobody).clone();
        let password = Secret::new(password.to_owned());
        let matches = self
            .work(move |memory| matches(&password, &stored, memory))
            .await?;
        Ok(known & matches)
    }

    /// Runs `hash` where it may take its time. The permit and the memory go with it: a caller that loses interest leaves
    /// neither behind.
    async fn work<T: Send + 'static>(
        &self,
        hash: impl FnOnce(&mut Memory) -> Result<T, HasherError> + Send + 'static,
    ) -> Result<T, HasherError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_| HasherError::BrokenOff)?;
        let spare = Arc::clone(&self.spare);
        let done = tokio::task::spawn_blocking(move || {
            let pieces = || spare.lock().unwrap_or_else(PoisonError::into_inner);
            let mut memory = pieces().pop().unwrap_or_default();
            let result = hash(&mut memory);
            pieces().push(memory);
            drop(permit);
            result
        });
        done.await.map_err(|_| HasherError::BrokenOff)?
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher")
    }
}

fn derive(
    params: &Params,
    password: &Secret,
    salt: &[u8],
    output: &mut [u8],
    memory: &mut Memory,
) -> Result<(), HasherError> {
    let blocks = params.block_count();
    if memory.len() < blocks {
        memory.resize(blocks, Block::new());
    }
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
        .hash_password_into_with_memory(
            password.expose().as_bytes(),
            salt,
            output,
            memory.as_mut_slice(),
        )
        .map_err(|_| HasherError::Unusable("its salt or output has no usable length"))
}

fn phc(params: &Params, salt: &[u8], output: &[u8]) -> Result<PasswordHash, HasherError> {
    let unusable = |_| HasherError::Unusable("it cannot be written as a PHC string");
    let phc = Phc {
        algorithm: ARGON2ID_IDENT,
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params)
            .map_err(|_| HasherError::Unusable("it cannot be written as a PHC string"))?,
        salt: Some(Salt::new(salt).map_err(unusable)?),
        hash: Some(Output::new(output).map_err(unusable)?),
    };
    Ok(PasswordHash(phc.to_string()))
}

fn matches(
    password: &Secret,
    stored: &PasswordHash,
    memory: &mut Memory,
) -> Result<bool, HasherError> {
    let unreadable = HasherError::Unusable;
    let stored = Phc::new(stored.as_str()).map_err(|_| unreadable("it is no PHC string"))?;
    if stored.algorithm != ARGON2ID_IDENT || stored.version != Some(Version::V0x13.into()) {
        return Err(unreadable("it is not of Argon2id, version 19"));
    }
    let (Some(salt), Some(expected)) = (stored.salt, stored.hash) else {
        return Err(unreadable("it has no salt or no output"));
    };
    let params = Params::try_from(&stored).map_err(|_| unreadable("its parameters are none"))?;
    let cost = Cost {
        memory: params.m_cost(),
        passes: params.t_cost(),
        lanes: params.p_cost(),
    };
    if !cost.within(Cost::MOST) {
        return Err(unreadable("it costs too much"));
    }
    let mut output = Zeroizing::new([0; Output::MAX_LENGTH]);
    let output = &mut output[..expected.len()];
    derive(&params, password, &salt, output, memory)?;
    let output = Output::new(output).map_err(|_| unreadable("its output has no usable length"))?;
    // `Output` compares in constant time.
    Ok(output == expected)
}

#[cfg(test)]
mod tests;
