//! Generates the calls of the client.

fn main() {
    dropshot_conformance_driver::write_calls("../../crates/client/src/generated.rs");
}
