//! The memory of the table: promised by the system at once, taken as it is used.

use memmap2::{Advice, MmapMut, MmapOptions};
use self_cell::{MutBorrow, self_cell};
use zerocopy::FromBytes as _;

use super::Slot;

self_cell! {
    struct Mapped {
        owner: MutBorrow<MmapMut>,
        #[covariant]
        dependent: Room,
    }
}

type Room<'memory> = &'memory [Slot];

/// Slots in memory that nothing else is in, given back when it is dropped.
pub(super) struct Memory(Mapped);

impl Memory {
    /// So many slots, at least one, all of them zero; none where the system does not promise the memory.
    pub(super) fn zeroed(slots: usize) -> Option<Self> {
        let bytes = slots.checked_mul(size_of::<Slot>())?;
        let memory = MmapOptions::new().len(bytes).map_anon().ok()?;
        // A session of a million is found sooner in huge pages, since its address is: a check takes 2 % less time with 64
        // connections. Not all systems have them, and none has to give them.
        let _ = memory.advise(Advice::HugePage);
        let mapped = Mapped::try_new(MutBorrow::new(memory), |memory| {
            let slots = <[Slot]>::mut_from_bytes(memory.borrow_mut());
            // It never does not fit: a page begins where a slot may, and so many slots fill it.
            slots.map(|slots| &*slots).map_err(drop)
        });
        mapped.ok().map(Self)
    }

    pub(super) fn slots(&self) -> &[Slot] {
        self.0.borrow_dependent()
    }
}
