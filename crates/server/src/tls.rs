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

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// The certificate chain in PEM, the server certificate first.
    pub(crate) certificate: PathBuf,
    /// The private key in PEM: PKCS#8, PKCS#1 or SEC1.
    pub(crate) key: PathBuf,
}

/// An error that prevents TLS; its message contains no key material.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("cannot read {path} ({cause}); check the path and its permissions")]
    Read {
        path: PathBuf,
        cause: std::io::Error,
    },
    #[error(
        "{0} contains no PEM certificate; expected the whole chain, with the server certificate first"
    )]
    NoCertificate(PathBuf),
    #[error("{0} contains no PEM private key; expected a line such as -----BEGIN PRIVATE KEY-----")]
    NoKey(PathBuf),
    /// Certificate and key do not belong together, or one of them is unusable.
    #[error(
        "{files} cannot be used together ({cause}); check that the key belongs to the certificate"
    )]
    Unusable {
        files: TlsFiles,
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
    /// Loads both files for TLS 1.2 and 1.3 with HTTP/1.1, without client certificates.
    pub(crate) fn load(&self) -> Result<ServerConfig, TlsError> {
        let chain = parse_pem(&self.certificate, |text| {
            CertificateDer::pem_slice_iter(text).collect::<Result<Vec<_>, _>>()
        })?;
        let chain = chain.filter(|chain| !chain.is_empty());
        let chain = chain.ok_or_else(|| TlsError::NoCertificate(self.certificate.clone()))?;
        let key = parse_pem(&self.key, PrivateKeyDer::from_pem_slice)?;
        let key = key.ok_or_else(|| TlsError::NoKey(self.key.clone()))?;
        let unusable = |cause| TlsError::Unusable {
            files: self.clone(),
            cause,
        };
        let mut config =
            ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(unusable)?
                .with_no_client_auth()
                .with_single_cert(chain, key)
                .map_err(unusable)?;
        // Without `h2`, because dropshot cannot limit the memory and the idle time of HTTP/2 connections.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// Parses a file, and returns `None` if it does not contain the requested PEM section.
fn parse_pem<T>(
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

    fn self_signed() -> (String, String) {
        let generated = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (generated.cert.pem(), generated.signing_key.serialize_pem())
    }

    fn load(certificate: &str, key: &str) -> Result<ServerConfig, String> {
        let directory = tempfile::tempdir().unwrap();
        let files = TlsFiles {
            certificate: directory.path().join("certificate.pem"),
            key: directory.path().join("key.pem"),
        };
        for (path, text) in [(&files.certificate, certificate), (&files.key, key)] {
            if text != "missing" {
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
        let (certificate, key) = self_signed();
        let config = load(&format!("a comment\n{certificate}"), &key).unwrap();
        assert_eq!(config.alpn_protocols, [b"http/1.1"]);
        load(&format!("{certificate}{certificate}"), &key).unwrap();
    }

    #[test]
    fn unusable_pem_file_is_named_without_its_content() {
        let (certificate, key) = self_signed();
        let (other, _) = self_signed();
        let refused = [
            ("missing", key.as_str()),
            (&certificate, "missing"),
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
        cannot read DIRECTORY/certificate.pem (No such file or directory (os error 2)); check the path and its permissions
        cannot read DIRECTORY/key.pem (No such file or directory (os error 2)); check the path and its permissions
        DIRECTORY/certificate.pem contains no PEM certificate; expected the whole chain, with the server certificate first
        DIRECTORY/certificate.pem contains no PEM certificate; expected the whole chain, with the server certificate first
        DIRECTORY/certificate.pem contains no PEM certificate; expected the whole chain, with the server certificate first
        DIRECTORY/key.pem contains no PEM private key; expected a line such as -----BEGIN PRIVATE KEY-----
        DIRECTORY/key.pem contains no PEM private key; expected a line such as -----BEGIN PRIVATE KEY-----
        DIRECTORY/key.pem contains no PEM private key; expected a line such as -----BEGIN PRIVATE KEY-----
        DIRECTORY/certificate.pem and DIRECTORY/key.pem cannot be used together (keys may not be consistent: KeyMismatch); check that the key belongs to the certificate
        ");
    }
}
