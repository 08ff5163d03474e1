//! The random source, injected so that tests choose its bytes.

/// A source of unpredictable random bytes.
pub trait Random: Send + Sync {
    /// Fills `bytes`, which must not be used after an error.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError>;
}

/// The failure of a random source.
#[derive(Debug, thiserror::Error)]
#[error("the source of random bytes failed")]
pub struct RandomError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl RandomError {
    /// Wraps the error of the source.
    pub fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(source.into())
    }
}

/// The operating system's generator.
#[derive(Debug)]
pub struct OsRandom;

impl Random for OsRandom {
    #[expect(
        clippy::disallowed_methods,
        reason = "only this function reads the system generator"
    )]
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        getrandom::fill(bytes).map_err(RandomError::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_random_bytes_differ_each_time() {
        let mut bytes = [[0; 16]; 2];
        for bytes in &mut bytes {
            OsRandom.fill(bytes).unwrap();
        }
        assert_ne!(bytes[0], bytes[1]);
        assert_ne!(bytes[0], [0; 16]);
    }
}
