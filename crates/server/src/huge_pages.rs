//! Huge pages, for the memory that is large and read all over: the sessions that are kept, and what passwords are hashed in.
//!
//! Where memory is in pages of 4 KiB, the processor has to look up nearly each place of so much of it before it can read
//! there. In pages of 2 MiB it knows them all: a password is hashed in 6 % less time, and a session of a million checked in 2 %
//! less. The rest of the memory stays as it is: it gains nothing, and would take half as much again (`docs/performance.md`).

/// Asks the system to back a piece of memory with huge pages from now on. Where it has none to give, nothing changes.
///
/// What was written to before moves to huge pages only at leisure, if ever: ask first.
#[cfg(target_os = "linux")]
pub(crate) fn ask<T>(memory: &[T]) {
    use rustix::mm::{Advice, madvise};

    let start = memory.as_ptr().cast::<u8>();
    let page = rustix::param::page_size();
    let (skipped, length) = whole_pages(start.addr(), size_of_val(memory), page);
    if length == 0 {
        return;
    }
    // SAFETY: these pages are within `memory`, which is borrowed, so that they are mapped; and this advice changes how
    // memory is backed, never what is in it or who may use it (madvise(2), MADV_HUGEPAGE).
    #[expect(
        unsafe_code,
        reason = "there is no safe way to advise on memory that an allocator gave"
    )]
    let _ = unsafe {
        madvise(
            start.wrapping_add(skipped).cast_mut().cast(),
            length,
            Advice::LinuxHugepage,
        )
    };
}

/// How many bytes of a piece of memory come before its first whole page, and how many bytes its whole pages are: what is
/// around it is not meant.
#[cfg(target_os = "linux")]
fn whole_pages(start: usize, length: usize, page: usize) -> (usize, usize) {
    let skipped = start.next_multiple_of(page) - start;
    (skipped, length.saturating_sub(skipped) / page * page)
}

/// Only Linux can be asked.
#[cfg(not(target_os = "linux"))]
pub(crate) fn ask<T>(_memory: &[T]) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;
    use std::ops::Range;

    use super::*;

    /// Whether the system was asked for huge pages at this address: `hg` among the flags of its mapping (proc(5)). None
    /// where the system has no huge pages.
    fn asked(address: usize) -> Option<bool> {
        fs::metadata("/sys/kernel/mm/transparent_hugepage").ok()?;
        let maps = fs::read_to_string("/proc/self/smaps").expect("Linux has it");
        let mut within = false;
        for line in maps.lines() {
            if let Some(range) = mapping(line) {
                within = range.contains(&address);
            } else if let Some(flags) = line.strip_prefix("VmFlags:").filter(|_| within) {
                return Some(flags.split(' ').any(|flag| flag == "hg"));
            }
        }
        None
    }

    /// The addresses of a line that begins a mapping.
    fn mapping(line: &str) -> Option<Range<usize>> {
        let (start, rest) = line.split_once('-')?;
        let (end, _) = rest.split_once(' ')?;
        let number = |text| usize::from_str_radix(text, 16).ok();
        Some(number(start)?..number(end)?)
    }

    #[test]
    fn large_memory_is_asked_huge_pages_for_and_keeps_what_is_in_it() {
        let memory = vec![7_u8; 8 << 20];
        ask(&memory);
        assert_ne!(
            asked(memory.as_ptr().addr() + memory.len() / 2),
            Some(false)
        );
        assert!(memory.iter().all(|byte| *byte == 7));
    }

    #[test]
    fn only_pages_that_are_within_the_memory_are_asked_for() {
        assert_eq!(whole_pages(0x3000, 0x2000, 0x1000), (0, 0x2000));
        assert_eq!(whole_pages(0x3000, 0x2fff, 0x1000), (0, 0x2000));
        assert_eq!(whole_pages(0x3001, 0x2000, 0x1000), (0xfff, 0x1000));
        assert_eq!(whole_pages(0x3fff, 0x2001, 0x1000), (1, 0x2000));
        assert_eq!(whole_pages(0x3001, 0x1ffe, 0x1000), (0xfff, 0));
        assert_eq!(whole_pages(0x3001, 0, 0x1000).1, 0);
    }

    #[test]
    fn memory_without_a_whole_page_is_left_alone() {
        ask::<u8>(&[]);
        ask(&[(); 100]);
        ask(b"less than a page");
    }
}
