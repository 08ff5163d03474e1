//! Conversion of panics of other crates to errors.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    /// The message of a panic inside [`catch`]; `None` outside of it.
    static CAUGHT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `work` and returns the message of a panic as the error.
///
/// Such a panic prints nothing; other panics are reported as usual.
pub(super) fn catch<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let default_hook = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let silent = CAUGHT.with_borrow_mut(|caught| match caught {
                None => false,
                Some(message) => {
                    let text = info.payload_as_str().unwrap_or("no message");
                    *message = match info.location() {
                        Some(location) => {
                            format!(
                                "{text} (panic in {}:{})",
                                short(location.file()),
                                location.line()
                            )
                        }
                        None => format!("{text} (panic)"),
                    };
                    true
                }
            });
            if !silent {
                default_hook(info);
            }
        }));
    });

    CAUGHT.set(Some(String::new()));
    let outcome = panic::catch_unwind(AssertUnwindSafe(work));
    let message = CAUGHT.take().unwrap_or_default();
    outcome.map_err(|_| message)
}

/// Shortens a path so that it is the same on every machine: `progenitor-impl-0.15.1/src/method.rs`.
fn short(path: &str) -> String {
    let parts: Vec<&str> = path.split(['/', '\\']).collect();
    parts[parts.len().saturating_sub(3)..].join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panic_is_caught_as_its_message_each_time() {
        for _ in 0..2 {
            let caught = catch(|| panic!("the {}", "message")).expect_err("it panics");
            assert!(
                caught.starts_with("the message (panic in src/client/panics.rs:")
                    || caught.starts_with("the message (panic in "),
                "{caught}"
            );
        }
        assert_eq!(catch(|| 1), Ok(1));
    }
}
