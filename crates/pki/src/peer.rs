//! Who stands behind a certificate whose path was checked. Everything else about it is ours to check: that it is a leaf
//! with exactly one id (SPIFFE X509-SVID §2, §5.2).

use data_encoding::HEXLOWER;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::{SpiffeId, SpiffeIdError};

/// Why a certificate stands for nobody.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    #[error("the certificate cannot be read")]
    Malformed,
    #[error("an authority's certificate proves nobody's identity")]
    Authority,
    #[error("a certificate names exactly one URI, its SPIFFE id; this one has {0}")]
    NotOneId(usize),
    #[error(transparent)]
    Id(#[from] SpiffeIdError),
    #[error("an id without a path is that of the authorities")]
    NoPath,
}

/// What a certificate says of its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    pub id: SpiffeId,
    /// Its serial number, 32 hexadecimal digits.
    pub serial: String,
    /// SHA-256 of the certificate, to which tokens are bound (RFC 8705 §3.1).
    pub sha256: [u8; 32],
    /// When it ends, in seconds since 1970.
    pub not_after_s: i64,
}

impl PeerCertificate {
    /// Reads a certificate whose path was checked before.
    ///
    /// # Errors
    /// [`PeerError`].
    pub fn read(der: &[u8]) -> Result<Self, PeerError> {
        use sha2::{Digest, Sha256};
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| PeerError::Malformed)?;
        if !rest.is_empty() {
            return Err(PeerError::Malformed);
        }
        let usage = certificate.key_usage().map_err(|_| PeerError::Malformed)?;
        let signs_others = usage.is_some_and(|usage| usage.value.key_cert_sign() || usage.value.crl_sign());
        if certificate.is_ca() || signs_others {
            return Err(PeerError::Authority);
        }
        let names = certificate.subject_alternative_name().map_err(|_| PeerError::Malformed)?;
        let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
        let uris = names.iter().filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        });
        let uris: Vec<&str> = uris.collect();
        let [uri] = uris[..] else { return Err(PeerError::NotOneId(uris.len())) };
        let id: SpiffeId = uri.parse()?;
        if id.named == crate::spiffe::Named::Domain {
            return Err(PeerError::NoPath);
        }
        let serial = HEXLOWER.encode(certificate.raw_serial());
        let not_after_s = certificate.validity().not_after.timestamp();
        Ok(Self { id, serial, sha256: Sha256::digest(der).into(), not_after_s })
    }
}
