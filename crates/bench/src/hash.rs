//! The baseline of logins: bare Argon2id verifications.

use std::num::NonZero;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use argon2::{Algorithm, Argon2, Block, Params, Version};

/// The default cost of our server (OWASP Password Storage Cheat Sheet): KiB, passes, lanes.
const COST: (u32, u32, u32) = (19456, 2, 1);

/// Returns the verifications per second of one thread per core, each of which reuses its memory.
pub(crate) fn verifications(warm_up: Duration, length: Duration) -> Result<f64> {
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, None)?;
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let start = Instant::now() + warm_up;
    let end = start + length;
    let counts = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| count(params.clone(), start, end)))
            .collect();
        let joined = workers
            .into_iter()
            .map(|worker| worker.join().expect("no panic"));
        joined.sum::<Result<u64, argon2::Error>>()
    })?;
    Ok(counts as f64 / length.as_secs_f64())
}

fn count(params: Params, start: Instant, end: Instant) -> Result<u64, argon2::Error> {
    let mut memory = vec![Block::new(); params.block_count()];
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut output = [0; 32];
    let mut count = 0;
    loop {
        argon.hash_password_into_with_memory(
            crate::fill::PASSWORD.as_bytes(),
            &[7; 16],
            &mut output,
            memory.as_mut_slice(),
        )?;
        let done = Instant::now();
        if done >= end {
            return Ok(count);
        }
        count += u64::from(done >= start);
    }
}
