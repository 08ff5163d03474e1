use proptest::prelude::*;

use super::*;

/// The offset of the simulated database's clock.
const OFFSET: i64 = 1_700_000_000_000_000;

/// Reads a clock with an offset: the answer takes `back` microseconds of `round_trip`.
fn read(sent: i64, round_trip: i64, back: i64, offset: i64) -> Reading {
    let received = sent + round_trip;
    Reading {
        sent,
        received,
        time: received - back + offset,
    }
}

#[test]
fn slow_answer_does_not_move_the_offset() {
    let precise = Estimate::of(read(0, 400, 200, OFFSET));
    assert_eq!(precise.offset, OFFSET);
    // Five seconds on the way back, then on the way there.
    let slow = precise.add(read(200_000, 5_000_400, 5_000_200, OFFSET));
    assert_eq!(slow.offset, OFFSET);
    let slow = slow.add(read(6_000_000, 5_000_400, 200, OFFSET));
    assert_eq!(slow.offset, OFFSET);
}

#[test]
fn precise_answer_corrects_a_slow_one() {
    let slow = Estimate::of(read(0, 2_000_000, 2_000_000, OFFSET));
    assert_eq!(slow.offset, OFFSET - 1_000_000);
    let precise = slow.add(read(2_200_000, 400, 200, OFFSET));
    assert!((precise.offset - OFFSET).abs() <= 200, "{precise:?}");
}

#[test]
fn clock_that_is_set_is_followed_immediately() {
    let before = Estimate::of(read(0, 400, 100, OFFSET));
    for change in [-5_000_000, 5_000_000, -2_000, 2_000] {
        let after = before.add(read(200_000, 600, 300, OFFSET + change));
        assert_eq!(after.offset, OFFSET + change);
    }
}

#[test]
fn uncertainty_grows_with_time_so_that_drift_is_followed() {
    let precise = Estimate::of(read(0, 400, 200, OFFSET));
    // An hour without an answer, in which the clocks have drifted apart by a second.
    let hour = 3_600_000_000;
    let slow = precise.add(read(hour, 2_000_000, 1_000_000, OFFSET + 1_000_000));
    assert!(slow.low <= OFFSET + 1_000_000 && OFFSET + 1_000_000 <= slow.high);
    let precise = slow.add(read(hour + 2_200_000, 400, 200, OFFSET + 1_000_000));
    assert!((precise.offset - OFFSET - 1_000_000).abs() <= 200);
}

proptest! {
    #[test]
    fn offset_is_as_precise_as_the_best_answer(
        // The pause before each request, its round trip, the part of it that is the answer's, and the drift.
        answers in prop::collection::vec(
            (0_i64..10_000_000, 0_i64..5_000_000, 0_i64..=1000, -500_i64..=500),
            1..50,
        ),
    ) {
        let (mut sent, mut offset) = (0, OFFSET);
        let mut estimate: Option<Estimate> = None;
        let mut precision = i64::MAX;
        for (pause, round_trip, back, drift) in answers {
            let passed = pause + round_trip;
            sent += pause;
            // The clocks drift only between two readings.
            let drift = passed * drift / 1_000_000;
            offset += drift;
            let reading = read(sent, round_trip, round_trip * back / 1000, offset);
            sent += round_trip;
            let added = estimate.map_or_else(|| Estimate::of(reading), |it| it.add(reading));
            let widened = passed * MAX_DRIFT_PER_MILLION / 1_000_000;
            precision = round_trip.min(precision.saturating_add(2 * widened + 2));
            prop_assert!(added.low - 1 <= offset && offset <= added.high + 1, "{added:?} {offset}");
            prop_assert!((added.offset - offset).abs() <= precision + 1, "{added:?} {offset}");
            estimate = Some(added);
        }
    }
}
