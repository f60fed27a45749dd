//! The vehicle listener's certificate: made by this server for itself, kept in the data folder, and known to each
//! vehicle by its SHA-256, which is delivered with the vehicle's secret.

use std::io::{self, Write};
use std::path::Path;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The files cannot be read or written.
    #[error("the vehicle listener's certificate {path} cannot be read or written")]
    File { path: String, source: io::Error },
    #[error("{path} holds no certificate or key: restore it from a backup; vehicles trust no other")]
    Malformed { path: String },
    #[error("the vehicle listener's certificate cannot be made")]
    Make(#[from] rcgen::Error),
}

/// A certificate with its key, and the digest by which vehicles know it.
#[derive(Debug, Clone)]
pub struct ListenerCertificate {
    /// The certificate and its key, PEM.
    pub certificate_pem: String,
    /// The private key, PEM. Never logged.
    key_pem: keys::Secret,
    /// Hex SHA-256 of the certificate in DER.
    pub sha256: String,
}

impl ListenerCertificate {
    /// What it and its key are called in their folder; both or none of them are there.
    pub const FILES: [&str; 2] = ["link-certificate.pem", "link-key.pem"];

    /// Loads the certificate from a folder, and makes it where there is none.
    pub fn load_or_make(folder: &Path) -> Result<Self, TlsError> {
        let [certificate, key] = Self::FILES.map(|name| folder.join(name));
        let read = |path: &Path| {
            std::fs::read_to_string(path).map_err(|source| TlsError::File { path: path.display().to_string(), source })
        };
        if !certificate.exists() {
            let made = rcgen::generate_simple_self_signed(vec!["atlasmesh.local".to_owned()])?;
            write_private(&key, &made.signing_key.serialize_pem())?;
            write_private(&certificate, &made.cert.pem())?;
        }
        Self::new(read(&certificate)?, read(&key)?, &certificate)
    }

    fn new(certificate_pem: String, key_pem: String, path: &Path) -> Result<Self, TlsError> {
        let malformed = || TlsError::Malformed { path: path.display().to_string() };
        let der = CertificateDer::from_pem_slice(certificate_pem.as_bytes()).map_err(|_| malformed())?;
        PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).map_err(|_| malformed())?;
        let sha256 = Sha256::digest(&der).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { certificate_pem, key_pem: keys::Secret::new(key_pem), sha256 })
    }

    /// The TLS settings of the listener: TLS 1.3 only; a vehicle agent that cannot speak it is not ours.
    pub fn server_config(&self) -> Result<rustls::ServerConfig, TlsError> {
        let malformed = || TlsError::Malformed { path: "link-key.pem".into() };
        let certificate = CertificateDer::from_pem_slice(self.certificate_pem.as_bytes()).map_err(|_| malformed())?;
        let key = PrivateKeyDer::from_pem_slice(self.key_pem.expose().as_bytes()).map_err(|_| malformed())?;
        let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|_| malformed())?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .map_err(|_| malformed())?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(config)
    }
}

fn write_private(path: &Path, text: &str) -> Result<(), TlsError> {
    use std::os::unix::fs::OpenOptionsExt;
    let write = || -> io::Result<()> {
        let mut file = std::fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|source| TlsError::File { path: path.display().to_string(), source })
}
