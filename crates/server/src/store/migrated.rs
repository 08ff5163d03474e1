/// The version of a schema before and after a migration; 0 if there was none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// The version before.
    pub from: usize,
    /// The version after.
    pub to: usize,
}
