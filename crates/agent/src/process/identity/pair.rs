//! A private key with the certificate that is for it: one text, so that a crash cannot mix two of them.

use keys::Secret;
use pki::verifier::Credential;
use pki::{PeerCertificate, SpiffeId, Term};
use rcgen::KeyPair;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A key and a certificate that are no pair of this vehicle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PairError {
    #[error("there is no key followed by a certificate")]
    Form,
    #[error("the certificate is for another key")]
    OtherKey,
    #[error("the certificate is that of {0}")]
    OtherId(SpiffeId),
}

/// A key and its certificate.
#[derive(Debug, Clone)]
pub struct Pair {
    key_pem: Secret,
    pub certificate: Vec<u8>,
    pub term: Term,
}

/// A key of this vehicle, from PEM.
pub fn read_key(text: &str) -> Option<KeyPair> {
    let der = PrivateKeyDer::from_pem_slice(text.as_bytes()).ok()?;
    KeyPair::try_from(&der).ok()
}

impl Pair {
    /// Puts together what belongs together.
    ///
    /// # Errors
    /// [`PairError`].
    pub fn new(key: &KeyPair, certificate: Vec<u8>, id: &SpiffeId) -> Result<Self, PairError> {
        let term = Term::read(&certificate).ok_or(PairError::Form)?;
        let peer = PeerCertificate::read(&certificate).map_err(|_| PairError::Form)?;
        if term.public_key != key.public_key_raw() {
            return Err(PairError::OtherKey);
        }
        if peer.id != *id {
            return Err(PairError::OtherId(peer.id));
        }
        Ok(Self { key_pem: Secret::new(key.serialize_pem()), certificate, term })
    }

    /// As it is kept.
    pub fn text(&self) -> Secret {
        Secret::new(format!("{}{}", self.key_pem.expose(), pki::certificate::pem(&self.certificate)))
    }

    /// Reads what was kept.
    ///
    /// # Errors
    /// [`PairError`].
    pub fn read(text: &str, id: &SpiffeId) -> Result<Self, PairError> {
        let key = read_key(text).ok_or(PairError::Form)?;
        let certificate = CertificateDer::from_pem_slice(text.as_bytes()).map_err(|_| PairError::Form)?;
        Self::new(&key, certificate.to_vec(), id)
    }

    pub fn has_key(&self, key: &KeyPair) -> bool {
        self.term.public_key == key.public_key_raw()
    }

    /// PKCS #8 in DER.
    pub fn key_der(&self) -> Option<Vec<u8>> {
        read_key(self.key_pem.expose()).map(|key| key.serialize_der())
    }

    pub fn credential(&self) -> Credential {
        Credential { certificate: self.certificate.clone(), authority: None, key_pem: self.key_pem.clone() }
    }
}
