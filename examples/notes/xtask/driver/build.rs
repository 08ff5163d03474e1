//! Generates the calls of the client.

fn main() {
    dropshot_conformance_driver::write_calls("../../client/src/generated.rs");
}
