//! Certificate requests (PKCS #10, RFC 2986). Of what a request asks for, only its public key counts: the profile is ours.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{PublicKeyData, SignatureAlgorithm};
use sha2::{Digest, Sha256};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::oid_registry::{OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY};
use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;

/// The longest request that is read: a P-256 one has 250 bytes, one with many names a few thousand.
pub const REQUEST_BYTES_MAX: usize = 8 * 1_024;

/// Why a request is not signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    #[error("a certificate request has at most {REQUEST_BYTES_MAX} bytes")]
    TooLong,
    #[error("the body is no certificate request (PKCS #10 in DER, or in base 64 of it)")]
    Malformed,
    #[error(
        "the key of the request is not on the curve P-256: make it with `openssl ecparam -name prime256v1 -genkey`"
    )]
    OtherKey,
    #[error("the request is not signed by its own key: whoever sent it does not hold the private half")]
    NotItsOwn,
}

/// The public key that a certificate is made for: a point on P-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectKey {
    point: Vec<u8>,
}

impl SubjectKey {
    /// The key of a request, whose sender has proved to hold its private half.
    ///
    /// # Errors
    /// [`RequestError`].
    pub fn of_request(der: &[u8]) -> Result<Self, RequestError> {
        if der.len() > REQUEST_BYTES_MAX {
            return Err(RequestError::TooLong);
        }
        let (rest, request) = X509CertificationRequest::from_der(der).map_err(|_| RequestError::Malformed)?;
        if !rest.is_empty() {
            return Err(RequestError::Malformed);
        }
        let key = Self::of_key(&request.certification_request_info.subject_pki).ok_or(RequestError::OtherKey)?;
        request.verify_signature().map_err(|_| RequestError::NotItsOwn)?;
        Ok(key)
    }

    /// The key of a request in base 64, as EST sends it (RFC 8951 §3.1: with or without line ends), in DER or in PEM.
    ///
    /// # Errors
    /// [`RequestError`].
    pub fn of_body(body: &[u8]) -> Result<Self, RequestError> {
        if body.len() > 2 * REQUEST_BYTES_MAX {
            return Err(RequestError::TooLong);
        }
        if body.first() == Some(&0x30) && SubjectKey::looks_like_der(body) {
            return Self::of_request(body);
        }
        let text = std::str::from_utf8(body).map_err(|_| RequestError::Malformed)?;
        let lines = text.lines().map(str::trim).filter(|line| !line.starts_with("-----"));
        let base64: String = lines.collect();
        Self::of_request(&STANDARD.decode(base64).map_err(|_| RequestError::Malformed)?)
    }

    /// Base 64 that begins with the byte of a sequence, a zero, is no length of one.
    fn looks_like_der(body: &[u8]) -> bool {
        !body.is_ascii()
    }

    fn of_key(info: &SubjectPublicKeyInfo<'_>) -> Option<Self> {
        let is_ec = info.algorithm.algorithm == OID_KEY_TYPE_EC_PUBLIC_KEY;
        let curve = info.algorithm.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok())?;
        let point = info.subject_public_key.data.to_vec();
        let is_point = point.len() == keys::EC_PUBLIC_BYTES && point.first() == Some(&4);
        (is_ec && curve == OID_EC_P256 && is_point).then_some(Self { point })
    }

    /// SHA-256 of its `SubjectPublicKeyInfo`, by which a key is known again.
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(self.subject_public_key_info()).into()
    }
}

impl PublicKeyData for SubjectKey {
    fn der_bytes(&self) -> &[u8] {
        &self.point
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

/// A new key on P-256, in memory.
///
/// # Errors
/// The certificate library's.
pub fn new_key() -> Result<rcgen::KeyPair, rcgen::Error> {
    rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)
}

/// The request for a certificate of a key made here, in DER.
///
/// # Errors
/// The certificate library's.
pub fn request_of(key: &rcgen::KeyPair) -> Result<Vec<u8>, rcgen::Error> {
    Ok(rcgen::CertificateParams::default().serialize_request(key)?.der().to_vec())
}

/// The public half of a key made here.
///
/// # Errors
/// [`RequestError::OtherKey`] for a key of another curve.
pub fn public_of(key: &rcgen::KeyPair) -> Result<SubjectKey, RequestError> {
    let point = PublicKeyData::der_bytes(key).to_vec();
    let is_point = point.len() == keys::EC_PUBLIC_BYTES && point.first() == Some(&4);
    if is_point { Ok(SubjectKey { point }) } else { Err(RequestError::OtherKey) }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384};

    use super::*;

    fn request(algorithm: &'static SignatureAlgorithm) -> Vec<u8> {
        let key = KeyPair::generate_for(algorithm).unwrap();
        CertificateParams::default().serialize_request(&key).unwrap().der().to_vec()
    }

    #[test]
    fn a_request_is_read_in_der_base64_and_pem() {
        let der = request(&PKCS_ECDSA_P256_SHA256);
        let key = SubjectKey::of_request(&der).unwrap();
        let base64 = STANDARD.encode(&der);
        let lines: Vec<&str> = base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let pem = format!(
            "-----BEGIN CERTIFICATE REQUEST-----\r\n{}\r\n-----END CERTIFICATE REQUEST-----\n",
            lines.join("\r\n")
        );
        for body in [der.as_slice(), base64.as_bytes(), lines.join("\n").as_bytes(), pem.as_bytes()] {
            assert_eq!(SubjectKey::of_body(body).as_ref(), Ok(&key));
        }
    }

    #[test]
    fn a_request_of_another_or_with_another_kind_of_key_is_refused() {
        assert_eq!(SubjectKey::of_request(&request(&PKCS_ECDSA_P384_SHA384)), Err(RequestError::OtherKey));
        let der = request(&PKCS_ECDSA_P256_SHA256);
        let last = der.len() - 1;
        let mut changed = der.clone();
        changed[last] ^= 1;
        assert_eq!(SubjectKey::of_request(&changed), Err(RequestError::NotItsOwn));
        assert_eq!(SubjectKey::of_request(&der[..last]), Err(RequestError::Malformed));
        assert_eq!(SubjectKey::of_request(&[der.clone(), vec![0]].concat()), Err(RequestError::Malformed));
        assert_eq!(SubjectKey::of_request(&vec![0x30; REQUEST_BYTES_MAX + 1]), Err(RequestError::TooLong));
        assert_eq!(SubjectKey::of_body(b"hello"), Err(RequestError::Malformed));
        // Every cut and every flipped byte ends in a refusal and never in a panic.
        for at in 0..der.len() {
            assert!(SubjectKey::of_request(&der[..at]).is_err());
            let mut flipped = der.clone();
            flipped[at] ^= 0xff;
            let _refused_or_not = SubjectKey::of_request(&flipped);
        }
    }
}
