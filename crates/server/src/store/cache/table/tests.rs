use std::sync::atomic::AtomicBool;

use super::*;
use crate::token::Token;

fn token(number: u128) -> TokenHash {
    Token::parse(&format!("{number:032X}")).unwrap().hash()
}

/// An entry of which each part tells the others.
fn entry(expires_at: i64, generation: u32) -> Entry {
    Entry {
        created_at: expires_at - 7,
        expires_at,
        role: u32::try_from(expires_at).unwrap() + 3,
        generation,
    }
}

fn always() -> bool {
    true
}

#[test]
fn a_slot_is_a_line_of_the_processors_cache() {
    assert_eq!((size_of::<Slot>(), align_of::<Slot>()), (64, 64));
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
            entry(100 * i64::try_from(number).unwrap(), 0),
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
fn threads_find_whole_sessions_and_what_was_removed_for_good_stays_away() {
    let table = Table::new(1).unwrap();
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (table, ended) = (&table, &ended);
            scope.spawn(move || {
                for round in 1..20_000_i64 {
                    let number = u128::try_from(round % 20).unwrap();
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
