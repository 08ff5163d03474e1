//! TLS to PostgreSQL, with the meanings of `sslmode` in libpq.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use tokio_postgres_rustls::MakeRustlsConnect;
use zeroize::Zeroizing;

use super::error::PostgresOpenError;
use crate::store::url::{PostgresUrl, RootCertificates, SslMode};

/// Creates the connector of a URL; `None` if it disables TLS.
pub(super) fn connector(url: &PostgresUrl) -> Result<Option<MakeRustlsConnect>, PostgresOpenError> {
    Ok(client_config(url)?.map(MakeRustlsConnect::new))
}

fn client_config(url: &PostgresUrl) -> Result<Option<ClientConfig>, PostgresOpenError> {
    let ssl = url.ssl();
    let verification = match (ssl.mode, &ssl.roots) {
        (SslMode::Disable, _) => return Ok(None),
        (SslMode::VerifyFull, _) => Verification::ChainAndName,
        // As in libpq, a root certificate turns `require` into `verify-ca`.
        (SslMode::VerifyCa, _) | (SslMode::Require, Some(_)) => Verification::Chain,
        (SslMode::Allow | SslMode::Prefer | SslMode::Require, _) => Verification::Nothing,
    };
    let unusable = |cause| PostgresOpenError::Tls {
        database: url.to_string(),
        cause,
    };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let chain = match (verification, &ssl.roots) {
        (Verification::Nothing, _) | (_, None) => None,
        (Verification::Chain | Verification::ChainAndName, Some(roots)) => {
            let roots = Arc::new(read_roots(roots)?);
            let verifier =
                WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build();
            Some(verifier.map_err(|cause| unusable(Error::General(cause.to_string())))?)
        }
    };
    let verifier = ServerVerifier {
        verification,
        chain,
        provider: Arc::clone(&provider),
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let config = match &ssl.certificate {
        None => config.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = read_certificates(certificate)?;
            let text = read(key)?;
            let key = PrivateKeyDer::from_pem_slice(&text)
                .map_err(|_| PostgresOpenError::Pem(key.clone()))?;
            config.with_client_auth_cert(chain, key).map_err(unusable)?
        }
    };
    Ok(Some(config))
}

fn read_roots(roots: &RootCertificates) -> Result<RootCertStore, PostgresOpenError> {
    let mut store = RootCertStore::empty();
    let certificates = match roots {
        RootCertificates::File(path) => read_certificates(path)?,
        RootCertificates::System => {
            let loaded = rustls_native_certs::load_native_certs();
            if let ([], Some(error)) = (loaded.certs.as_slice(), loaded.errors.first()) {
                return Err(PostgresOpenError::SystemRoots(error.to_string()));
            }
            loaded.certs
        }
    };
    store.add_parsable_certificates(certificates);
    Ok(store)
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, PostgresOpenError> {
    let text = read(path)?;
    let certificates = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        Ok(_) | Err(_) => Err(PostgresOpenError::Pem(path.to_owned())),
    }
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, PostgresOpenError> {
    let text = std::fs::read(path).map(Zeroizing::new);
    text.map_err(|cause| PostgresOpenError::File {
        path: path.to_owned(),
        cause,
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verification {
    /// Verifies only that the server has the private key of its certificate.
    Nothing,
    Chain,
    ChainAndName,
}

/// Verifies the server as far as `sslmode` requires.
#[derive(Debug)]
struct ServerVerifier {
    verification: Verification,
    chain: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verify = || match &self.chain {
            // This verifies the chain first, and then the name.
            Some(chain) => {
                chain.verify_server_cert(certificate, intermediates, name, ocsp_response, now)
            }
            None => Err(CertificateError::UnknownIssuer.into()),
        };
        match self.verification {
            Verification::Nothing => Ok(ServerCertVerified::assertion()),
            Verification::ChainAndName => verify(),
            Verification::Chain => match verify() {
                Err(Error::InvalidCertificate(
                    CertificateError::NotValidForName
                    | CertificateError::NotValidForNameContext { .. },
                )) => Ok(ServerCertVerified::assertion()),
                verified => verified,
            },
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    use rustls::server::WebPkiClientVerifier;
    use rustls::{ClientConnection, ServerConfig, ServerConnection};

    use super::*;
    use crate::store::url::DatabaseUrl;

    struct Authority {
        pem: String,
        issuer: Issuer<'static, KeyPair>,
    }

    impl Authority {
        fn new() -> Self {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let pem = params.self_signed(&key).unwrap().pem();
            let issuer = Issuer::new(params, key);
            Self { pem, issuer }
        }

        /// Returns the certificate of a host and its key, in PEM.
        fn certify(&self, host: &str) -> (String, String) {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new([host.to_owned()]).unwrap();
            let certificate = params.signed_by(&key, &self.issuer).unwrap();
            (certificate.pem(), key.serialize_pem())
        }
    }

    fn url(text: &str) -> PostgresUrl {
        match text.parse().unwrap() {
            DatabaseUrl::Postgres(url) => *url,
            DatabaseUrl::Sqlite(path) => panic!("{}", path.display()),
        }
    }

    fn server(authority: &Authority, host: &str, clients: Option<&Authority>) -> ServerConfig {
        let (certificate, key) = authority.certify(host);
        let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let config = config.with_safe_default_protocol_versions().unwrap();
        let config = match clients {
            None => config.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                let root = CertificateDer::from_pem_slice(authority.pem.as_bytes()).unwrap();
                roots.add(root).unwrap();
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                config.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        config.with_single_cert(chain, key).unwrap()
    }

    /// Connects to a host in memory.
    fn handshake(client: ClientConfig, server: ServerConfig, host: &str) -> Result<(), Error> {
        let name = ServerName::try_from(host.to_owned()).unwrap();
        let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
        let mut server = ServerConnection::new(Arc::new(server)).unwrap();
        while client.is_handshaking() || server.is_handshaking() {
            let mut sent = Vec::new();
            client.write_tls(&mut sent).unwrap();
            server.read_tls(&mut sent.as_slice()).unwrap();
            server.process_new_packets()?;
            let mut answered = Vec::new();
            server.write_tls(&mut answered).unwrap();
            client.read_tls(&mut answered.as_slice()).unwrap();
            client.process_new_packets()?;
        }
        Ok(())
    }

    fn write(directory: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
        let path = directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn server_is_verified_as_far_as_the_mode_requires() {
        let directory = tempfile::tempdir().unwrap();
        let (own, other) = (Authority::new(), Authority::new());
        let roots = write(&directory, "ca.pem", &own.pem);
        let roots = roots.display();
        let accepts = |query: &str, authority: &Authority, host: &str| {
            let client = client_config(&url(&format!("postgres://db.example/x?{query}")));
            let client = client.unwrap().unwrap();
            handshake(client, server(authority, host, None), "db.example").is_ok()
        };
        // Tests the trusted authority, another host that it certifies, and another authority.
        let accepted = |query: &str| {
            [
                accepts(query, &own, "db.example"),
                accepts(query, &own, "other.example"),
                accepts(query, &other, "db.example"),
            ]
        };
        for mode in ["allow", "prefer", "require"] {
            assert_eq!(accepted(&format!("sslmode={mode}")), [true; 3], "{mode}");
        }
        let verifying = |mode| accepted(&format!("sslmode={mode}&sslrootcert={roots}"));
        assert_eq!(verifying("require"), [true, true, false]);
        assert_eq!(verifying("verify-ca"), [true, true, false]);
        assert_eq!(verifying("verify-full"), [true, false, false]);
        assert_eq!(accepted("sslrootcert=system"), [false; 3]);
        let disabled = client_config(&url("postgres://db.example/x?sslmode=disable"));
        assert!(disabled.unwrap().is_none());
    }

    #[test]
    fn client_certificate_is_presented() {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        let (certificate, key) = authority.certify("pbx");
        let certificate = write(&directory, "client.pem", &certificate);
        let key = write(&directory, "client.key", &key);
        let connect = |query: &str| {
            let client = client_config(&url(&format!("postgres://db/x?sslmode=require{query}")));
            let server = server(&authority, "db", Some(&authority));
            handshake(client.unwrap().unwrap(), server, "db")
        };
        assert!(connect("").is_err());
        let files = format!(
            "&sslcert={}&sslkey={}",
            certificate.display(),
            key.display()
        );
        connect(&files).unwrap();
    }

    #[test]
    fn unusable_tls_file_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        let (certificate, _) = authority.certify("pbx");
        let certificate = write(&directory, "client.pem", &certificate);
        let key = write(&directory, "client.key", &authority.certify("pbx").1);
        let empty = write(&directory, "empty.pem", "");
        let [certificate, key, empty] = [certificate, key, empty].map(|path| {
            let path: PathBuf = path;
            path.display().to_string()
        });
        let refusals = [
            "sslmode=verify-ca&sslrootcert=/missing.pem".to_owned(),
            format!("sslmode=verify-ca&sslrootcert={empty}"),
            format!("sslcert={empty}&sslkey={key}"),
            format!("sslcert={certificate}&sslkey={certificate}"),
            format!("sslcert={certificate}&sslkey={key}"),
        ]
        .map(|query| {
            let refused = client_config(&url(&format!("postgres://db/x?{query}")));
            let error = refused.unwrap_err().to_string();
            error.replace(&directory.path().display().to_string(), "DIRECTORY")
        });
        insta::assert_snapshot!(refusals.join("\n"), @"
        cannot read /missing.pem (No such file or directory (os error 2)); check the path and its permissions
        DIRECTORY/empty.pem contains no usable PEM certificate or key; check its content
        DIRECTORY/empty.pem contains no usable PEM certificate or key; check its content
        DIRECTORY/client.pem contains no usable PEM certificate or key; check its content
        the TLS files of postgres://db:5432/x cannot be used (keys may not be consistent: KeyMismatch); check that the key belongs to the certificate
        ");
    }
}
