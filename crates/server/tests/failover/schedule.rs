//! Random faults in an order that a seed repeats.

use std::time::{Duration, Instant};

use crate::fleet::SERVERS;
use crate::load::Load;
use crate::random::Random;
use crate::site::Site;

/// An operation on a blocked connection ends after this time.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(6);

/// Causes faults for a time, then lets the service recover and verifies everything.
pub(crate) async fn run(mut site: Site, seed: u64, time: Duration) {
    let start = Instant::now();
    let mut random = Random::new(seed);
    let load = Load::start(&site.shared, seed);
    while start.elapsed() < time && !site.shared.ledger.has_violations() {
        // Some pauses are longer than the time within which the service must resume.
        tokio::time::sleep(random.milliseconds(500..5000)).await;
        cause_fault(&mut site, &mut random).await;
    }
    // Then every operation must succeed.
    tokio::time::sleep(Duration::from_secs(4)).await;
    load.finish().await;
    site.verify(seed).await;
    let counts = site.shared.ledger.counts();
    println!("seed {seed}: {counts:?}");
    assert!(counts.opened > 0 && counts.confirmed > 0, "{counts:?}");
}

async fn cause_fault(site: &mut Site, random: &mut Random) {
    let short = random.milliseconds(0..1500);
    let long = random.milliseconds(300..7000);
    match random.below(14) {
        0 | 1 => site.restart_server(random.below(SERVERS)).await,
        2 => {
            let server = random.below(SERVERS);
            site.freeze_server(server, long / 2).await;
        }
        3 => site.cut(|| true),
        4 => site.cut(|| random.below(2) == 0),
        5 => {
            let choose = || random.below(3) == 0;
            site.block(choose, OPERATION_TIMEOUT).await;
        }
        6 => site.partition(long).await,
        7 | 8 => site.freeze(long).await,
        9 => site.crash(short).await,
        10 => site.fail_over(short).await,
        11 => site.split(short, false).await,
        12 => site.split(short, true).await,
        _ => site.crash_standby(short).await,
    }
}
