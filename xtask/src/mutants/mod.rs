//! The drifts that are planted. Each is a text that stands once in a file, short and telling, so that work around it leaves
//! it in place; one that no longer applies counts as missed.

use dropshot_conformance::mutate::Mutation;

mod client;
mod contract;
mod generated;
mod handlers;
mod refusals;
mod regenerated;
mod server;

/// All of them, those of one file after each other: that spares builds.
pub(crate) fn all() -> impl Iterator<Item = &'static Mutation> + Clone {
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
