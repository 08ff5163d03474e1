//! The baseline of logins: bare Argon2id verifications.

use std::num::NonZero;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use argon2::{Algorithm, Argon2, Block, Params, Version};

use crate::processor::scheduled_time;

/// The default cost of our server (OWASP Password Storage Cheat Sheet): KiB, passes, lanes.
const COST: (u32, u32, u32) = (19456, 2, 1);

#[derive(Debug)]
pub(crate) struct Verifications {
    /// Verifications per second.
    pub(crate) rate: f64,
    /// Processor time of a verification, in nanoseconds.
    pub(crate) cost: f64,
}

/// Measures one thread per core, each of which reuses its memory.
pub(crate) fn verifications(warm_up: Duration, length: Duration) -> Result<Verifications> {
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
        joined.collect::<Result<Vec<Count>>>()
    })?;
    let counted: u64 = counts.iter().map(|count| count.counted).sum();
    let all: u64 = counts.iter().map(|count| count.all).sum();
    let spent: f64 = counts.iter().map(|count| count.processor_time).sum();
    Ok(Verifications {
        rate: counted as f64 / length.as_secs_f64(),
        cost: spent / all.max(1) as f64,
    })
}

/// The verifications of a thread.
struct Count {
    /// Those after the warm-up.
    counted: u64,
    all: u64,
    processor_time: f64,
}

fn count(params: Params, start: Instant, end: Instant) -> Result<Count> {
    let mut memory = vec![Block::new(); params.block_count()];
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut output = [0; 32];
    let (mut counted, mut all) = (0, 0);
    loop {
        argon.hash_password_into_with_memory(
            crate::fill::PASSWORD.as_bytes(),
            &[7; 16],
            &mut output,
            memory.as_mut_slice(),
        )?;
        let done = Instant::now();
        all += 1;
        if done >= end {
            let spent = scheduled_time(Path::new("/proc/thread-self"));
            return Ok(Count {
                counted,
                all,
                processor_time: spent.context("/proc has no schedstat")?,
            });
        }
        counted += u64::from(done >= start);
    }
}
