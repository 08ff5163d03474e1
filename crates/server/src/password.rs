//! Hashing and verification of passwords with Argon2id.
//!
//! Hashes are stored as PHC strings. A [`Hasher`] has its own threads, which reuse the memory of finished hashes:
//! allocating 19 MiB for each hash costs a fifth of the throughput (measured: 90 instead of 113 hashes per second). If
//! the user does not exist, a dummy hash is verified, which takes the same time.
//!
//! If the cost of a stored hash differs from the configured cost, the password is rehashed at the next successful
//! login. Until then, the verification of a cheaper hash is padded to about the time of the dummy hash. A more
//! expensive hash takes longer than the dummy hash; an operator who lowers the cost accepts that until all users have
//! logged in.

mod pool;
mod rejection;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash as Phc, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Block, Params, Version};
use tokio::time::Instant;
use zeroize::Zeroizing;

pub use self::pool::{HashPermit, Limits};
use self::pool::{Memory, Pool};
use self::rejection::RejectionPacer;
use crate::domain::password::{Password, PasswordHash, Secret};
use crate::limits::cores;
use crate::metrics::Metrics;
use crate::random::{Random, RandomError};

/// The cost of one hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory in KiB.
    pub memory: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes, computed one after the other.
    pub lanes: u32,
}

impl Cost {
    /// The recommendation of the OWASP Password Storage Cheat Sheet for Argon2id.
    pub const OWASP: Self = Self {
        memory: 19456,
        passes: 2,
        lanes: 1,
    };

    /// The maximum cost of a stored hash.
    ///
    /// It has twice the passes of the second choice of RFC 9106, section 4 (64 MiB, 3 passes, 4 lanes). A more
    /// expensive hash was not created here, and could stall the server.
    const MAX: Self = Self {
        memory: 65536,
        passes: 6,
        lanes: 4,
    };

    /// The weakest recommendation of the OWASP cheat sheet: 7168 KiB times 5 passes.
    const MIN_KIB_PASSES: u64 = 7168 * 5;

    /// Returns the cost for these settings, with one lane, because a hash is computed on one thread.
    ///
    /// Fails if it is weaker than OWASP recommends, or exceeds the maximum of a stored hash.
    pub fn from_settings(memory: u32, passes: u32) -> Result<Self, CostError> {
        let cost = Self {
            memory,
            passes,
            lanes: 1,
        };
        let weak = u64::from(memory) * u64::from(passes) < Self::MIN_KIB_PASSES;
        if weak || memory < 7168 || !cost.is_within(Self::MAX) {
            return Err(CostError);
        }
        Ok(cost)
    }

    /// Estimates the time of a hash before the first one is measured: half a microsecond per KiB and pass.
    ///
    /// This is deliberately high: [`Cost::OWASP`] was measured at 13 ms, a third less.
    fn initial_estimate(self) -> Duration {
        Duration::from_nanos(500) * self.memory * self.passes
    }

    fn is_within(self, max: Self) -> bool {
        self.memory <= max.memory && self.passes <= max.passes && self.lanes <= max.lanes
    }
}

/// The error for a configured cost that is too low or too high.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "memory (KiB) and passes must be at least as strong as the OWASP Password Storage Cheat Sheet recommends: 19456 and 2, 12288 and 3, 9216 and 4, 7168 and 5, 47104 and 1; at most 65536 and 6"
)]
pub struct CostError;

/// The reason why a password could not be hashed or verified.
#[derive(Debug, thiserror::Error)]
pub enum HasherError {
    /// No salt could be generated.
    #[error("cannot generate a salt for a password")]
    Salt(#[from] RandomError),
    /// The stored text is not a supported hash, or exceeds the limits of [`Hasher`].
    #[error("a stored password hash cannot be used ({0}); set the user's password again")]
    Unusable(&'static str),
    /// The hashing thread panicked or could not be started.
    #[error(
        "the password was not hashed, because the hashing thread panicked or could not be started"
    )]
    Interrupted,
    /// Too many passwords are waiting to be hashed.
    #[error("too many passwords are waiting to be hashed; retry in {} s", wait.as_secs_f64().ceil())]
    Overloaded {
        /// The wait that was estimated.
        wait: Duration,
    },
}

/// Hashes and verifies passwords. Clones share their threads and limits.
#[derive(Clone)]
pub struct Hasher {
    params: Params,
    pool: Arc<Pool>,
    rejections: Arc<RejectionPacer>,
    /// A hash of the current cost that no password matches; see [`Hasher::verify`].
    dummy_hash: PasswordHash,
}

/// The result of a verification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Whether the password matches the hash.
    pub matches: bool,
    /// Whether the cost of the hash differs from the current cost.
    pub outdated: bool,
}

impl Hasher {
    /// The length of a salt in bytes (RFC 9106, section 3.1).
    const SALT_BYTES: usize = 16;

    /// The length of a hash in bytes: 256 bits (RFC 9106, section 4).
    const OUTPUT_BYTES: usize = 32;

    /// Creates a hasher that computes at most `threads` hashes at a time; fails if the cost is not allowed.
    pub fn new(cost: Cost, threads: NonZeroUsize) -> Result<Self, HasherError> {
        Self::with_limits(cost, threads, Limits::DEFAULT, Arc::default())
    }

    /// Creates a hasher with its own queue limits, which reports to `metrics`; fails like [`Hasher::new`].
    pub fn with_limits(
        cost: Cost,
        threads: NonZeroUsize,
        limits: Limits,
        metrics: Arc<Metrics>,
    ) -> Result<Self, HasherError> {
        if !cost.is_within(Cost::MAX) {
            return Err(HasherError::Unusable("its cost is too high"));
        }
        let params = Params::new(
            cost.memory,
            cost.passes,
            cost.lanes,
            Some(Self::OUTPUT_BYTES),
        )
        .map_err(|_| HasherError::Unusable("its cost is too low"))?;
        let dummy_hash = phc(&params, &[0; Self::SALT_BYTES], &[0; Self::OUTPUT_BYTES])?;
        let pool = Pool::new(
            threads,
            limits,
            params.block_count(),
            cost.initial_estimate(),
            metrics,
        );
        Ok(Self {
            params,
            pool: Arc::new(pool),
            rejections: Arc::new(RejectionPacer::new(Instant::now().into_std())),
            dummy_hash,
        })
    }

    /// Creates a hasher with [`Cost::OWASP`] and one thread per core.
    #[must_use]
    pub fn for_this_machine() -> Self {
        Self::new(Cost::OWASP, cores()).expect("a cost that Argon2 allows")
    }

    /// Checks whether a permit would be left after `ahead` other logins acquire theirs.
    pub fn check_capacity(&self, ahead: usize) -> Result<(), HasherError> {
        self.pool.check_capacity(ahead)
    }

    /// Waits until a rejected login may be answered: up to a second, after a burst of a thousand.
    pub async fn delay_rejection(&self) {
        let wait = self.rejections.delay(Instant::now().into_std());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    /// Returns the longest time that a password may wait.
    #[must_use]
    pub fn max_wait(&self) -> Duration {
        self.pool.max_wait()
    }

    /// Acquires a permit to hash passwords, one at a time; fails if the wait would be too long.
    pub fn try_acquire(&self) -> Result<HashPermit, HasherError> {
        self.pool.try_acquire()
    }

    /// Hashes a password with a new salt.
    ///
    /// Fails if the random source fails, the job waited too long, or the hashing thread panics.
    pub async fn hash(
        &self,
        permit: &HashPermit,
        password: &Password,
        random: &dyn Random,
    ) -> Result<PasswordHash, HasherError> {
        let mut salt = [0; Self::SALT_BYTES];
        random.fill(&mut salt)?;
        let password = password.secret().clone();
        let params = self.params.clone();
        permit
            .run(move |memory| {
                let mut output = Zeroizing::new([0; Self::OUTPUT_BYTES]);
                derive(&params, &password, &salt, output.as_mut(), memory)?;
                phc(&params, &salt, output.as_ref())
            })
            .await
    }

    /// Verifies a password against a stored hash.
    ///
    /// `None` never matches but takes the same time, so that timing does not reveal whether the user exists. Fails if
    /// the hash is not supported, the job waited too long, or the hashing thread panics.
    pub async fn verify(
        &self,
        permit: &HashPermit,
        password: &str,
        hash: Option<&PasswordHash>,
    ) -> Result<Verified, HasherError> {
        let user_exists = hash.is_some();
        let hash = hash.unwrap_or(&self.dummy_hash).clone();
        let password = Secret::new(password.to_owned());
        let current = self.params.clone();
        let verified = permit
            .run(move |memory| verify(&password, &hash, &current, memory))
            .await?;
        Ok(Verified {
            matches: user_exists & verified.matches,
            ..verified
        })
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
        memory.reserve_exact(blocks - memory.len());
        memory.resize(blocks, Block::new());
    }
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
        .hash_password_into_with_memory(
            password.expose().as_bytes(),
            salt,
            output,
            memory.as_mut_slice(),
        )
        .map_err(|_| HasherError::Unusable("its salt or output has an unsupported length"))
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
    Ok(PasswordHash::from_store(phc.to_string()))
}

fn verify(
    password: &Secret,
    stored: &PasswordHash,
    current: &Params,
    memory: &mut Memory,
) -> Result<Verified, HasherError> {
    let unusable = HasherError::Unusable;
    let stored = Phc::new(stored.as_str()).map_err(|_| unusable("it is not a PHC string"))?;
    if stored.algorithm != ARGON2ID_IDENT || stored.version != Some(Version::V0x13.into()) {
        return Err(unusable("it is not Argon2id, version 19"));
    }
    let (Some(salt), Some(expected)) = (stored.salt, stored.hash) else {
        return Err(unusable("its salt or output is missing"));
    };
    let params = Params::try_from(&stored).map_err(|_| unusable("its parameters are invalid"))?;
    let cost = Cost {
        memory: params.m_cost(),
        passes: params.t_cost(),
        lanes: params.p_cost(),
    };
    if !cost.is_within(Cost::MAX) {
        return Err(unusable("its cost is too high"));
    }
    let mut output = Zeroizing::new([0; Output::MAX_LENGTH]);
    let output = &mut output[..expected.len()];
    derive(&params, password, &salt, output, memory)?;
    // This also runs after a match, because a disabled user with the correct password is refused too.
    if let Some(padding) = padding(&params, current) {
        let mut discarded = Zeroizing::new([0; Hasher::OUTPUT_BYTES]);
        derive(&padding, password, &salt, discarded.as_mut(), memory)?;
    }
    let output =
        Output::new(output).map_err(|_| unusable("its output has an unsupported length"))?;
    let costs = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
    Ok(Verified {
        // `Output` compares in constant time.
        matches: output == expected,
        outdated: costs(&params) != costs(current),
    })
}

/// Returns the parameters for the work by which a hash of the current cost exceeds a cheaper one.
///
/// They need no more memory than a current hash. The time of Argon2 is proportional to memory times passes (RFC 9106,
/// section 3.1). The result is `None` if no work is left, or less than the minimum of Argon2.
fn padding(done: &Params, current: &Params) -> Option<Params> {
    let work = |params: &Params| u64::from(params.m_cost()) * u64::from(params.t_cost());
    let left = work(current).checked_sub(work(done))?;
    let memory = u32::try_from(left / u64::from(current.t_cost())).ok()?;
    Params::new(memory, current.t_cost(), current.p_cost(), None).ok()
}

#[cfg(test)]
mod tests;
