//! TLS termination: loads certificate and key from files.
//!
//! dropshot can load such files, but it panics if the key does not belong to the certificate, and it accepts only
//! PKCS#8 keys. The server therefore loads them itself, at the start and again on SIGHUP.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The paths of the certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate chain in PEM, the server certificate first.
    pub certificate: PathBuf,
    /// The private key in PEM: PKCS#8, PKCS#1 or SEC1.
    pub key: PathBuf,
}

/// An error that prevents TLS with these files. It contains nothing of a key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{path} cannot be read ({cause}); check the path and its permissions")]
    Read {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        cause: std::io::Error,
    },
    /// The file contains no certificate in PEM.
    #[error("{0} holds no certificate in PEM; write the whole chain there, the server's own first")]
    NoCertificate(PathBuf),
    /// The file contains no private key in PEM.
    #[error(
        "{0} holds no private key in PEM; it starts with a line such as -----BEGIN PRIVATE KEY-----"
    )]
    NoKey(PathBuf),
    /// Certificate and key do not belong together, or one of them is unusable.
    #[error("{files} cannot be used together ({cause}); check that the key is the certificate's")]
    Unfit {
        /// The files.
        files: TlsFiles,
        /// The error of rustls.
        cause: rustls::Error,
    },
}

impl fmt::Display for TlsFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { certificate, key } = self;
        write!(f, "{} and {}", certificate.display(), key.display())
    }
}

impl TlsFiles {
    /// Loads both files for TLS 1.2 and 1.3 with HTTP/2 and HTTP/1.1, without client certificates.
    pub fn load(&self) -> Result<ServerConfig, TlsError> {
        let chain = pem(&self.certificate, |text| {
            CertificateDer::pem_slice_iter(text).collect::<Result<Vec<_>, _>>()
        })?;
        let chain = chain.filter(|chain| !chain.is_empty());
        let chain = chain.ok_or_else(|| TlsError::NoCertificate(self.certificate.clone()))?;
        let key = pem(&self.key, PrivateKeyDer::from_pem_slice)?;
        let key = key.ok_or_else(|| TlsError::NoKey(self.key.clone()))?;
        let unfit = |cause| TlsError::Unfit {
            files: self.clone(),
            cause,
        };
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(unfit)?
                .with_no_client_auth()
                .with_single_cert(chain, key)
                .map_err(unfit)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// Parses a file, and returns `None` if it does not contain the requested PEM section.
fn pem<T>(
    path: &Path,
    parse: impl FnOnce(&[u8]) -> Result<T, PemError>,
) -> Result<Option<T>, TlsError> {
    let text = std::fs::read(path)
        .map(zeroize::Zeroizing::new)
        .map_err(|cause| TlsError::Read {
            path: path.to_owned(),
            cause,
        })?;
    Ok(parse(&text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    fn load(certificate: &str, key: &str) -> Result<ServerConfig, String> {
        let directory = tempfile::tempdir().unwrap();
        let files = TlsFiles {
            certificate: directory.path().join("certificate.pem"),
            key: directory.path().join("key.pem"),
        };
        for (path, text) in [(&files.certificate, certificate), (&files.key, key)] {
            if text != "nothing" {
                std::fs::write(path, text).unwrap();
            }
        }
        files.load().map_err(|error| {
            let directory = directory.path().display().to_string();
            error.to_string().replace(&directory, "DIRECTORY")
        })
    }

    #[test]
    fn certificate_and_key_are_read_from_pem_with_other_text() {
        let (certificate, key) = pair();
        let config = load(&format!("a comment\n{certificate}"), &key).unwrap();
        assert_eq!(config.alpn_protocols, [&b"h2"[..], b"http/1.1"]);
        load(&format!("{certificate}{certificate}"), &key).unwrap();
    }

    #[test]
    fn unusable_pem_file_is_named_without_its_content() {
        let (certificate, key) = pair();
        let (other, _) = pair();
        let refused = [
            ("nothing", key.as_str()),
            (&certificate, "nothing"),
            ("", &key),
            ("certificate", &key),
            (&key, &key),
            (&certificate, ""),
            (&certificate, &certificate),
            (&certificate, &key[..key.len() / 2]),
            (&other, &key),
        ]
        .map(|(certificate, key)| load(certificate, key).unwrap_err());
        insta::assert_snapshot!(refused.join("\n"), @"
        DIRECTORY/certificate.pem cannot be read (No such file or directory (os error 2)); check the path and its permissions
        DIRECTORY/key.pem cannot be read (No such file or directory (os error 2)); check the path and its permissions
        DIRECTORY/certificate.pem holds no certificate in PEM; write the whole chain there, the server's own first
        DIRECTORY/certificate.pem holds no certificate in PEM; write the whole chain there, the server's own first
        DIRECTORY/certificate.pem holds no certificate in PEM; write the whole chain there, the server's own first
        DIRECTORY/key.pem holds no private key in PEM; it starts with a line such as -----BEGIN PRIVATE KEY-----
        DIRECTORY/key.pem holds no private key in PEM; it starts with a line such as -----BEGIN PRIVATE KEY-----
        DIRECTORY/key.pem holds no private key in PEM; it starts with a line such as -----BEGIN PRIVATE KEY-----
        DIRECTORY/certificate.pem and DIRECTORY/key.pem cannot be used together (keys may not be consistent: KeyMismatch); check that the key is the certificate's
        ");
    }
}
