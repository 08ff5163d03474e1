use std::sync::atomic::AtomicBool;

use proptest::prelude::*;

use super::*;
use crate::token::Token;

fn token(number: u128) -> TokenHash {
    Token::parse(&format!("{number:032X}")).unwrap().hash()
}

/// An entry of which each part tells the others.
fn entry(expires_at: u32, generation: u32) -> Entry {
    Entry {
        created_at: expires_at % 7,
        expires_at,
        user: expires_at % 999,
        generation,
    }
}

fn always() -> bool {
    true
}

#[test]
fn a_slot_is_half_a_line_of_the_processors_cache() {
    assert_eq!((size_of::<Slot>(), align_of::<Slot>()), (32, 32));
}

#[test]
fn memory_that_the_system_does_not_have_is_no_panic() {
    for capacity in [usize::MAX, usize::MAX / 64, 1 << 57] {
        assert!(Table::new(capacity).is_none(), "{capacity}");
    }
}

#[test]
fn what_is_kept_is_found_in_its_generation_until_it_is_removed() {
    let table = Table::new(10).unwrap();
    assert_eq!(table.get(&token(1), 0), None);
    table.keep(&token(1), entry(100, 0), always);
    table.keep(&token(2), entry(200, 0), always);
    assert_eq!(table.get(&token(1), 0), Some(entry(100, 0)));
    assert_eq!(table.get(&token(2), 0), Some(entry(200, 0)));
    assert_eq!(table.get(&token(1), 1), None);
    table.remove(&token(1));
    assert_eq!(table.get(&token(1), 0), None);
    assert_eq!(table.get(&token(2), 0), Some(entry(200, 0)));
}

#[test]
fn token_that_differs_in_one_of_96_bits_is_another() {
    // One window for all.
    let table = Table::new(1).unwrap();
    let hash = *token(1).as_bytes();
    table.keep(&TokenHash::from_store(hash), entry(100, 0), always);
    let found = (0..256).filter(|bit| {
        let mut other = hash;
        other[bit / 8] ^= 1 << (bit % 8);
        table.get(&TokenHash::from_store(other), 0).is_some()
    });
    assert_eq!(found.collect::<Vec<_>>(), (96..256).collect::<Vec<_>>());
}

#[test]
fn only_later_knowledge_takes_the_place_of_what_is_kept() {
    let table = Table::new(10).unwrap();
    table.keep(&token(1), entry(100, 1), always);
    table.keep(&token(1), entry(200, 1), always);
    table.keep(&token(1), entry(300, 0), always);
    assert_eq!(table.get(&token(1), 1), Some(entry(100, 1)));
    table.keep(&token(1), entry(400, 2), always);
    assert_eq!(table.get(&token(1), 2), Some(entry(400, 2)));
    table.remove(&token(1));
    assert_eq!(
        [1, 2].map(|generation| table.get(&token(1), generation)),
        [None; 2]
    );
}

#[test]
fn what_no_longer_holds_is_not_kept() {
    let table = Table::new(10).unwrap();
    table.keep(&token(1), entry(100, 0), || false);
    assert_eq!(table.get(&token(1), 0), None);
}

#[test]
fn what_is_removed_while_it_is_being_kept_is_not_kept() {
    let table = Table::new(10).unwrap();
    table.keep(&token(1), entry(100, 0), || {
        // Nobody sees it yet, nobody waits for it.
        assert_eq!(table.get(&token(1), 0), None);
        table.remove(&token(1));
        table.remove(&token(1));
        true
    });
    assert_eq!(table.get(&token(1), 0), None);
    table.keep(&token(1), entry(200, 0), always);
    assert_eq!(table.get(&token(1), 0), Some(entry(200, 0)));
}

#[test]
fn what_changes_while_it_is_read_is_not_found() {
    let table = Table::new(1).unwrap();
    table.keep(&token(1), entry(100, 0), always);
    let slot = &table.slots[0];
    assert!(slot.read(|_| true).is_some());
    let read = slot.read(|_| {
        table.remove(&token(1));
        table.keep(&token(2), entry(200, 0), always);
        true
    });
    assert_eq!(read, None);
}

#[test]
fn two_that_are_kept_at_once_take_different_slots() {
    let table = Table::new(1).unwrap();
    table.keep(&token(1), entry(100, 0), || {
        table.keep(&token(2), entry(200, 0), always);
        true
    });
    assert_eq!(table.get(&token(1), 0), Some(entry(100, 0)));
    assert_eq!(table.get(&token(2), 0), Some(entry(200, 0)));
}

#[test]
fn where_there_is_no_room_the_session_that_expires_first_goes() {
    // All share the one window.
    let table = Table::new(1).unwrap();
    for number in 1..=16 {
        table.keep(
            &token(number),
            entry(100 * u32::try_from(number).unwrap(), 0),
            always,
        );
    }
    table.keep(&token(17), entry(50, 0), always);
    let kept = |generation| {
        let kept = (1..=20).filter(|number| table.get(&token(*number), generation).is_some());
        kept.collect::<Vec<_>>()
    };
    assert_eq!(kept(0), (2..=17).collect::<Vec<_>>());
    // What is of an earlier generation is of no use.
    table.keep(&token(18), entry(10, 1), always);
    table.keep(&token(19), entry(10, 1), always);
    assert_eq!(kept(1), [18, 19]);
}

#[test]
fn a_session_that_a_clock_set_ahead_created_costs_the_others_nothing() {
    let table = Table::new(4 * 4096).unwrap();
    let ahead = Entry {
        created_at: 1_000_000,
        ..entry(1_001_800, 0)
    };
    table.keep(&token(0), ahead, always);
    for number in 1..=1000 {
        table.keep(&token(number), entry(100, 0), always);
    }
    assert_eq!(found(&table, 1000), 1000);
    for _ in 0..3 {
        for number in 1..=6000 {
            table.keep(&token(number), entry(100, 0), always);
        }
    }
    assert_eq!(found(&table, 6000), 6000);
}

/// How many of the sessions 1 to `most` are found.
fn found(table: &Table, most: u128) -> usize {
    let found = (1..=most).filter(|number| table.get(&token(*number), 0).is_some());
    found.count()
}

#[test]
fn a_table_grows_with_its_sessions_as_far_as_it_may() {
    let table = Table::new(3 * 4096 * 4).unwrap();
    assert_eq!((table.capacity(), table.size(0)), (49_152, 6144));
    let mut sizes = Vec::new();
    for most in [1000, 4000, 10_000, 20_000, 100_000] {
        // Those that make room, or are lost when it grows, are read again.
        for _ in 0..3 {
            for number in 1..=most {
                table.keep(&token(number), entry(100, 0), always);
            }
        }
        let doublings = table.doublings.load(Ordering::Relaxed);
        sizes.push((table.size(doublings), found(&table, most)));
    }
    let expected = [
        (6144, 1000),
        (6144, 3985),
        (24_576, 10_000),
        (49_152, 20_000),
        // All of it, and the last slots' window.
        (49_152, 49_158),
    ];
    assert_eq!(sizes, expected);
}

#[test]
fn reserved_room_is_there_at_once() {
    let doublings = [0, 2731, 2732, 5461, 5462, usize::MAX].map(|sessions| {
        let table = Table::new(4 * 4096).unwrap();
        table.reserve(sessions);
        let doublings = table.doublings.load(Ordering::Relaxed);
        table.reserve(0);
        assert_eq!(table.doublings.into_inner(), doublings);
        doublings
    });
    assert_eq!(doublings, [0, 0, 1, 1, 2, 2]);
}

#[test]
fn what_is_no_longer_looked_for_where_it_stands_makes_room() {
    let table = Table::new(4 * 4096).unwrap();
    for number in 1..=3000 {
        table.keep(&token(number), entry(100, 0), always);
    }
    table.reserve(usize::MAX);
    assert!(found(&table, 3000) < 1000);
    let crowded_out = table.crowded_out.load(Ordering::Relaxed);
    // Fewer than there are slots, but not with what stands where it is looked for no more.
    for number in 1..=6000 {
        table.keep(&token(number), entry(100, 0), always);
    }
    assert_eq!(found(&table, 6000), 6000);
    assert_eq!(table.crowded_out.into_inner(), crowded_out);
}

#[test]
fn a_session_is_removed_also_from_where_it_stood_before_the_table_grew() {
    for number in 1..=20 {
        let table = Table::of_blocks(1, 6).unwrap();
        table.keep(&token(number), entry(100, 0), always);
        table.reserve(usize::MAX);
        table.keep(&token(number), entry(100, 0), always);
        assert_eq!(table.get(&token(number), 0), Some(entry(100, 0)));
        table.remove(&token(number));
        for doublings in 0..=6 {
            table.doublings.store(doublings, Ordering::Relaxed);
            assert_eq!(table.get(&token(number), 0), None);
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Keep(usize, u32),
    Remove(usize),
    Reserve(usize),
}

proptest! {
    #[test]
    fn what_is_found_is_what_was_kept_last_and_not_removed_since(
        steps in prop::collection::vec(
            prop_oneof![
                20 => (0..60_usize, 1..1000_u32).prop_map(|(number, expires_at)| Step::Keep(number, expires_at)),
                5 => (0..60_usize).prop_map(Step::Remove),
                1 => (0..100_usize).prop_map(Step::Reserve),
            ],
            0..100,
        ),
    ) {
        let table = Table::of_blocks(1, 5).unwrap();
        let mut kept: [Option<Entry>; 60] = [None; 60];
        let tokens: [TokenHash; 60] = std::array::from_fn(|number| token(number as u128));
        for (generation, step) in (0..).zip(steps) {
            match step {
                Step::Keep(number, expires_at) => {
                    let entry = entry(expires_at, generation);
                    table.keep(&tokens[number], entry, always);
                    kept[number] = Some(entry);
                }
                Step::Remove(number) => {
                    table.remove(&tokens[number]);
                    kept[number] = None;
                }
                Step::Reserve(sessions) => table.reserve(sessions),
            }
            for (token, kept) in tokens.iter().zip(kept) {
                for generation in generation.saturating_sub(5)..=generation {
                    let found = table.get(token, generation);
                    prop_assert!(found.is_none() || found == kept, "{found:?}, not {kept:?}");
                }
            }
        }
    }
}

#[test]
fn threads_find_whole_sessions_and_what_was_removed_for_good_stays_away() {
    let table = Table::new(1).unwrap();
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (table, ended) = (&table, &ended);
            scope.spawn(move || {
                for round in 1..20_000_u32 {
                    let number = u128::from(round % 20);
                    let about = entry(round * 2 + thread, 0);
                    // The session of number 0 ends in the midst of it.
                    let holds = || number != 0 || !ended.load(Ordering::SeqCst);
                    table.keep(&token(number), about, holds);
                    if round == 10_000 {
                        ended.store(true, Ordering::SeqCst);
                        table.remove(&token(0));
                    } else if number != 0 && round % 3 == 0 {
                        table.remove(&token(number));
                    }
                }
            });
            scope.spawn(move || {
                for round in 0..20_000_u128 {
                    if let Some(found) = table.get(&token(round % 20), 0) {
                        assert_eq!(found, entry(found.expires_at, 0));
                    }
                }
            });
        }
    });
    assert_eq!(table.get(&token(0), 0), None);
}
