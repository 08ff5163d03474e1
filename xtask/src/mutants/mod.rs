//! The mutants: defects that `verify` must find. A mutant that no longer applies counts as missed.

use dropshot_conformance::mutate::Mutant;

mod client;
mod contract;
mod generated;
mod handlers;
mod refusals;
mod regenerated;
mod server;

/// Returns all mutants, grouped by file to save builds.
pub(crate) fn all() -> impl Iterator<Item = &'static Mutant> + Clone {
    [
        contract::ALL,
        regenerated::ALL,
        generated::ALL,
        refusals::ALL,
        handlers::ALL,
        server::ALL,
        client::ALL,
    ]
    .into_iter()
    .flatten()
}

#[cfg(test)]
mod tests;
