//! Both ends of a connection check the other by authorities that they know: the path first, by webpki, then the id (SPIFFE
//! X509-SVID §5). No resumption, tickets or early data: a connection after a revocation begins anew.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, ServerConfig,
    SignatureScheme,
};
use sha2::{Digest, Sha256};

use crate::peer::PeerError;
use crate::{PeerCertificate, SpiffeId};

/// Certificates that a client may send beside its own.
const SENT_ALONG_MAX: usize = 2;

/// Why a connection cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("the authorities' certificates cannot be used")]
    Roots(#[from] rustls::server::VerifierBuilderError),
    #[error("the TLS library refuses the certificate or key")]
    Library(#[from] Error),
}

/// A certificate with its private key, to present.
pub struct Credential {
    pub certificate: Vec<u8>,
    /// The authority's, where the other end knows it only by its SHA-256.
    pub authority: Option<Vec<u8>>,
    /// PKCS #8 in PEM.
    pub key_pem: keys::Secret,
}

/// Whether a peer whose path is good is let in, by what is known of it now.
pub trait Admission: Send + Sync + 'static {
    /// `peer` is what the certificate says, or why it stands for nobody.
    fn admits(&self, peer: Result<&PeerCertificate, &PeerError>) -> bool;
}

fn roots(authorities: &[Vec<u8>]) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(authorities.iter().map(|der| CertificateDer::from(der.clone())));
    roots
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn presented(credential: &Credential) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Error> {
    let key = PrivateKeyDer::from_pem_slice(credential.key_pem.expose().as_bytes())
        .map_err(|_| Error::General("the private key is no PEM".into()))?;
    let chain = std::iter::once(&credential.certificate).chain(&credential.authority);
    Ok((chain.map(|der| CertificateDer::from(der.clone())).collect(), key))
}

/// Whether those who connect must present a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificate {
    Required,
    Optional,
}

/// The settings of a listener: TLS 1.3 only.
///
/// # Errors
/// [`TlsError`].
pub fn server_config(
    credential: &Credential,
    authorities: &[Vec<u8>],
    client: ClientCertificate,
    admission: Arc<dyn Admission>,
    protocols: &[&[u8]],
) -> Result<ServerConfig, TlsError> {
    let path = WebPkiClientVerifier::builder_with_provider(Arc::new(roots(authorities)), provider());
    let path = match client {
        ClientCertificate::Required => path,
        ClientCertificate::Optional => path.allow_unauthenticated(),
    };
    let verifier = ClientVerifier { path: path.build()?, admission };
    let (chain, key) = presented(credential)?;
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_single_cert(chain, key)?;
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(config)
}

/// By what a server's certificate is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// One of these authorities signed it.
    Authorities(Vec<Vec<u8>>),
    /// The authority that the server sends along, known by its SHA-256: at first contact nothing else is known.
    Pinned([u8; 32]),
}

/// The settings of whoever connects to a server that has this id; `credential` where it presents one.
///
/// # Errors
/// [`TlsError`].
pub fn client_config(
    trust: &Trust,
    server: SpiffeId,
    credential: Option<&Credential>,
    protocols: &[&[u8]],
) -> Result<ClientConfig, TlsError> {
    let verifier = ServerVerifier { trust: trust.clone(), server, provider: provider() };
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match credential {
        None => builder.with_no_client_auth(),
        Some(credential) => {
            let (chain, key) = presented(credential)?;
            builder.with_client_auth_cert(chain, key)?
        }
    };
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}

/// Checks the certificates of those who connect.
struct ClientVerifier {
    path: Arc<dyn ClientCertVerifier>,
    admission: Arc<dyn Admission>,
}

impl fmt::Debug for ClientVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientVerifier")
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // Whoever asks learns nothing of who vouches here.
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        self.path.client_auth_mandatory()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        // Authorities sign leaves themselves. Some clients send the authority along (OpenSSL does): it is not looked at, and
        // whoever sends a long chain has nothing computed for it.
        if intermediates.len() > SENT_ALONG_MAX {
            return Err(Error::InvalidCertificate(CertificateError::UnknownIssuer));
        }
        let verified = self.path.verify_client_cert(end_entity, &[], now)?;
        let peer = PeerCertificate::read(end_entity);
        if self.admission.admits(peer.as_ref()) {
            return Ok(verified);
        }
        Err(Error::InvalidCertificate(match peer {
            Ok(_) => CertificateError::Revoked,
            Err(_) => CertificateError::ApplicationVerificationFailure,
        }))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.path.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.path.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.path.supported_verify_schemes()
    }
}

/// Checks a server's certificate by its id: the name under which it was reached says nothing.
#[derive(Debug)]
struct ServerVerifier {
    trust: Trust,
    server: SpiffeId,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let parsed = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.provider.signature_verification_algorithms.all;
        let roots = match &self.trust {
            Trust::Authorities(authorities) => roots(authorities),
            Trust::Pinned(sha256) => {
                let pinned = intermediates.iter().find(|der| Sha256::digest(der.as_ref())[..] == sha256[..]);
                roots(&pinned.map(|der| der.to_vec()).into_iter().collect::<Vec<_>>())
            }
        };
        verify_server_cert_signed_by_trust_anchor(&parsed, &roots, &[], now, algorithms)?;
        match PeerCertificate::read(end_entity) {
            Ok(peer) if peer.id == self.server => Ok(ServerCertVerified::assertion()),
            _ => Err(Error::InvalidCertificate(CertificateError::NotValidForName)),
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
