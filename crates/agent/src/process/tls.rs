//! TLS to a server that is known by one certificate. Its SHA-256 came with the vehicle's secret, so no authority in
//! between can be tricked, and a server that shows another certificate gets no secret.

use std::future::Future;
use std::io;
use std::pin::Pin as Pinned;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::codegen::Service;
use tonic::codegen::http::Uri;

/// The SHA-256 of the one certificate that is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pin([u8; 32]);

/// A text that is no SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected the SHA-256 of the server's certificate: 64 hexadecimal digits")]
pub struct PinError;

impl std::str::FromStr for Pin {
    type Err = PinError;

    fn from_str(text: &str) -> Result<Self, PinError> {
        let digits: Vec<u8> =
            text.chars().filter(|c| *c != ':').map(|c| c.to_digit(16)).map_while(|d| d.map(|d| d as u8)).collect();
        let shape = text.chars().all(|c| c == ':' || c.is_ascii_hexdigit()) && digits.len() == 64;
        let bytes: Vec<u8> =
            digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect();
        if shape { bytes.try_into().map(Self).map_err(|_| PinError) } else { Err(PinError) }
    }
}

#[derive(Debug)]
struct PinVerifier {
    pin: Pin,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // Digests of public certificates: comparing them in any time tells nobody anything.
        if Sha256::digest(end_entity.as_ref())[..] == self.pin.0 {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Opens TCP and TLS to one server, for the gRPC channel on top.
#[derive(Clone)]
pub(super) struct PinnedConnector {
    server: Arc<str>,
    name: ServerName<'static>,
    tls: TlsConnector,
}

impl PinnedConnector {
    /// A connector to `host:port`.
    pub fn new(server: &str, pin: Pin) -> io::Result<Self> {
        let invalid = |text: String| io::Error::new(io::ErrorKind::InvalidInput, text);
        let host = server.rsplit_once(':').map(|(host, _)| host.trim_matches(['[', ']']));
        let host = host.filter(|host| !host.is_empty()).ok_or_else(|| invalid(format!("{server} is not host:port")))?;
        let name = ServerName::try_from(host.to_owned()).map_err(|_| invalid(format!("{host} is no host name")))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = PinVerifier { pin, provider: Arc::clone(&provider) };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(io::Error::other)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self { server: server.into(), name, tls: TlsConnector::from(Arc::new(config)) })
    }
}

impl Service<Uri> for PinnedConnector {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = io::Error;
    type Future = Pinned<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let Self { server, name, tls } = self.clone();
        Box::pin(async move {
            let tcp = TcpStream::connect(&*server).await?;
            tcp.set_nodelay(true)?;
            Ok(TokioIo::new(tls.connect(name, tcp).await?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_64_hexadecimal_digits_with_or_without_colons() {
        let hex = "ab".repeat(32);
        assert_eq!(hex.parse::<Pin>(), Ok(Pin([0xab; 32])));
        assert_eq!(["AB"; 32].join(":").parse::<Pin>(), Ok(Pin([0xab; 32])));
        for bad in ["", "ab", &hex[1..], &format!("{hex}0"), &"g".repeat(64)] {
            assert_eq!(bad.parse::<Pin>(), Err(PinError), "{bad}");
        }
    }

    #[test]
    fn only_the_pinned_certificate_is_trusted() {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let trusted = CertificateDer::from(vec![1, 2, 3]);
        let pin = Pin(Sha256::digest(&trusted).into());
        let verifier = PinVerifier { pin, provider };
        let name = ServerName::try_from("server").unwrap();
        let verify =
            |der: &CertificateDer<'_>| verifier.verify_server_cert(der, &[], &name, &[], UnixTime::now()).is_ok();
        assert!(verify(&trusted));
        assert!(!verify(&CertificateDer::from(vec![1, 2, 4])));
    }
}
