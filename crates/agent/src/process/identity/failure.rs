//! Why a listener could not be spoken to, told apart by what has to happen next.

use std::error::Error;

use kernel::Timestamp;
use rustls::CertificateError;

/// What went wrong between this vehicle and a listener.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Dates of certificates do not fit.
    #[error(
        "{what}, and this vehicle's clock says {now}: set the clock of the vehicle if it is wrong; without the right time \
         no certificate can be checked"
    )]
    Clock { what: String, now: Timestamp },
    /// The server is not vouched for by those whom this vehicle knows.
    #[error("the server does not prove that it is the one: {0}")]
    Untrusted(String),
    /// The certificate that this vehicle presented is not accepted.
    #[error("the server refuses the certificate of this vehicle: {0}")]
    CertificateRefused(String),
    /// An answer that says no.
    #[error("the server refuses: {detail} ({status}, {code})")]
    Refused { status: u16, code: String, detail: String },
    /// An answer that cannot be used.
    #[error("the server's answer cannot be used: {0}")]
    Answer(String),
    #[error("no connection to {address}: {cause}")]
    Unreachable { address: String, cause: String },
    /// After the handshake, and it did not say why.
    #[error("the server at {address} hung up: {cause}")]
    HungUp { address: String, cause: String },
    #[error("the folder of the identity cannot be used")]
    Folder(#[from] super::folder::FolderError),
    #[error(
        "the device certificate of this vehicle no longer works ({0}), and the join token of its bootstrap file was used \
         before: bring a new bootstrap file"
    )]
    NeedsToken(String),
    #[error("this vehicle cannot make a key or a request")]
    Key(#[from] rcgen::Error),
    #[error("TLS cannot be set up")]
    Tls(#[from] pki::verifier::TlsError),
}

/// All causes in one line.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// What the TLS library said, somewhere below an error of what stands on it.
fn tls_cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(found) = error.downcast_ref::<rustls::Error>() {
        return Some(found);
    }
    // The source of such an error is the source of what it wraps, which would be missed.
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    let wrapped = wrapped.and_then(|inner| tls_cause(inner));
    wrapped.or_else(|| error.source().and_then(tls_cause))
}

impl Failure {
    /// Reads an error of a connection to `address`.
    pub fn of(error: &(dyn Error + 'static), address: &str, now: Timestamp) -> Self {
        let cause = chain(error);
        let known = tls_cause(error).and_then(|cause| Self::of_certificate(cause, now));
        known
            .or_else(|| Self::of_alert(&cause, now))
            .unwrap_or_else(|| Self::Unreachable { address: address.to_owned(), cause })
    }

    fn of_certificate(error: &rustls::Error, now: Timestamp) -> Option<Self> {
        use CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
        let rustls::Error::InvalidCertificate(why) = error else { return None };
        let dates = |what: &str| Self::Clock { what: what.to_owned(), now };
        Some(match why {
            NotValidYet | NotValidYetContext { .. } => dates("the server's certificate is not valid yet"),
            Expired | ExpiredContext { .. } => dates("the server's certificate has ended"),
            _ => Self::Untrusted(why.to_string()),
        })
    }

    /// What the other end said before it hung up, of which most errors hand on no more than the text.
    pub fn of_alert(text: &str, now: Timestamp) -> Option<Self> {
        const REFUSALS: [&str; 7] = [
            "BadCertificate",
            "UnsupportedCertificate",
            "CertificateRevoked",
            "CertificateUnknown",
            "CertificateRequired",
            "UnknownCA",
            "AccessDenied",
        ];
        let (_, alert) = text.split_once("received fatal alert: ")?;
        if alert.starts_with("CertificateExpired") {
            return Some(Self::Clock { what: "to the server the certificate of this vehicle has ended".into(), now });
        }
        let refusal = REFUSALS.into_iter().find(|refusal| alert.starts_with(refusal))?;
        Some(Self::CertificateRefused(refusal.to_owned()))
    }

    /// Whether trying again comes to the same until a person brings something.
    pub fn needs_person(&self) -> bool {
        self.refuses_certificate() || matches!(self, Self::NeedsToken(_))
    }

    /// Whether the certificate that was presented is worth nothing there.
    pub fn refuses_certificate(&self) -> bool {
        matches!(self, Self::CertificateRefused(_) | Self::Refused { status: 401 | 403, .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_to_happen_next_is_read_through_any_wrapping() {
        let now = Timestamp::from_ms(1_764_000_000_000);
        let of = |error: rustls::Error| {
            let twice = std::io::Error::other(std::io::Error::other(error));
            Failure::of(&twice, "host:1", now)
        };
        let clock = of(rustls::Error::InvalidCertificate(CertificateError::NotValidYet));
        assert!(clock.to_string().contains("clock says 2025-11-24T16:00:00"), "{clock}");
        let unknown = of(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer));
        assert!(matches!(unknown, Failure::Untrusted(_)), "{unknown}");
        let refused = of(rustls::Error::AlertReceived(rustls::AlertDescription::CertificateRevoked));
        assert!(refused.refuses_certificate(), "{refused}");
        let other = of(rustls::Error::HandshakeNotComplete);
        assert!(matches!(other, Failure::Unreachable { .. }), "{other}");
    }
}
