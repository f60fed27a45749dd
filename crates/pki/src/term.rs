//! What the holder of a certificate must know of it: for which key it is, and how long it lasts.

use kernel::Timestamp;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::certificate::BACKDATED_MS;

/// Read from a certificate of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    /// The uncompressed point of its key.
    pub public_key: Vec<u8>,
}

impl Term {
    /// `None` where it is no certificate.
    pub fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok().filter(|(rest, _)| rest.is_empty())?;
        let at = |seconds: i64| Timestamp::from_ms(seconds.saturating_mul(1_000));
        Some(Self {
            not_before: at(certificate.validity().not_before.timestamp()),
            not_after: at(certificate.validity().not_after.timestamp()),
            public_key: certificate.public_key().subject_public_key.data.to_vec(),
        })
    }

    /// When it was made: its validity began earlier, for clocks that are behind.
    pub fn issued(&self) -> Timestamp {
        self.not_before.plus_ms(BACKDATED_MS).min(self.not_after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Authority;

    #[test]
    fn a_term_begins_when_the_certificate_was_made() {
        let (now, key) = (Timestamp::from_ms(1_764_000_000_000), keys::EcKey::generate().unwrap());
        let point = key.public_key().as_bytes().to_vec();
        let domain = "fleet.example".parse().unwrap();
        let authority = Authority::<keys::CertificateAuthority>::new(key, &domain, 1, now, 60_000).unwrap();
        let term = Term::read(authority.certificate()).unwrap();
        assert_eq!((term.issued(), term.not_after, term.public_key), (now, now.plus_ms(60_000), point));
        assert_eq!(Term::read(b"no certificate"), None);
        assert_eq!(Term::read(&[authority.certificate(), &[0]].concat()), None);
    }
}
