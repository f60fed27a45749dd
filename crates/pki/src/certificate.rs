//! The certificates that we give, each of one profile that is fixed here, whatever a request asks for.

use data_encoding::HEXLOWER;
use std::net::IpAddr;

use kernel::Timestamp;
use keys::{EcKey, HasPurpose};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyUsagePurpose, PublicKeyData, SanType, SerialNumber, SignatureAlgorithm, SigningKey,
};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::{SpiffeId, SubjectKey, TrustDomain};

/// How far back a certificate's validity begins, so that a clock that is behind accepts it, in milliseconds.
pub const BACKDATED_MS: i64 = 5 * 60_000;

/// A certificate cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("a certificate cannot be made")]
pub struct IssueError(#[from] rcgen::Error);

/// A key of the keystore as the certificate library signs with it.
struct Signing<'a, P>(&'a EcKey<P>, Vec<u8>);

impl<'a, P: HasPurpose> Signing<'a, P> {
    fn new(key: &'a EcKey<P>) -> Self {
        Self(key, key.public_key().as_bytes().to_vec())
    }
}

impl<P: HasPurpose> PublicKeyData for Signing<'_, P> {
    fn der_bytes(&self) -> &[u8] {
        &self.1
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

impl<P: HasPurpose> SigningKey for Signing<'_, P> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.0.sign_asn1(message).map_err(|_| rcgen::Error::RemoteKeyError)
    }
}

/// A certificate that was just made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    pub der: Vec<u8>,
    /// Its serial number, 32 hexadecimal digits.
    pub serial: String,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    /// SHA-256 of the key that it is for.
    pub key_sha256: [u8; 32],
}

/// What a server is called by those who connect to it.
#[derive(Debug, Clone, Default)]
pub struct ServerNames {
    pub dns: Vec<String>,
    pub addresses: Vec<IpAddr>,
}

/// How a certificate may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Usage {
    /// On both ends of a connection (SPIFFE X509-SVID §4.4).
    BothEnds,
    /// To enrol.
    ClientOnly,
}

/// An authority: a key, and the self-signed certificate by which others know it.
#[derive(Clone)]
pub struct Authority<P> {
    key: EcKey<P>,
    certificate: Vec<u8>,
    not_after: Timestamp,
}

fn time_of(at: Timestamp) -> OffsetDateTime {
    // Only whole seconds stand in a certificate (RFC 5280 §4.1.2.5).
    OffsetDateTime::from_unix_timestamp(at.as_ms().div_euclid(1_000)).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn serial_of(random: u128) -> SerialNumber {
    // Positive, not zero and of one length (RFC 5280 §4.1.2.2).
    let positive = (random >> 1) | 1 << 126;
    SerialNumber::from_slice(&positive.to_be_bytes())
}

fn serial_text(random: u128) -> String {
    format!("{:032x}", (random >> 1) | 1 << 126)
}

fn base_params(random: u128, not_before: Timestamp, not_after: Timestamp) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.serial_number = Some(serial_of(random));
    (params.not_before, params.not_after) = (time_of(not_before), time_of(not_after));
    params.distinguished_name = DistinguishedName::new();
    params
}

fn uri(id: &SpiffeId) -> Result<SanType, IssueError> {
    Ok(SanType::URI(id.to_string().try_into()?))
}

impl<P: HasPurpose> Authority<P> {
    /// An authority over a new certificate, which is valid from `now` on.
    ///
    /// # Errors
    /// The certificate library's.
    pub fn new(
        key: EcKey<P>,
        trust_domain: &TrustDomain,
        random: u128,
        now: Timestamp,
        valid_ms: i64,
    ) -> Result<Self, IssueError> {
        let not_after = now.plus_ms(valid_ms);
        let mut params = base_params(random, now.plus_ms(-BACKDATED_MS), not_after);
        let kind = match P::PURPOSE {
            keys::Purpose::DeviceAuthority => "device authority",
            _ => "authority",
        };
        params.distinguished_name.push(DnType::OrganizationName, "AtlasMesh Fleet OS");
        // At most 64 characters (X.520), however long the trust domain: that stands in the URI.
        params.distinguished_name.push(DnType::CommonName, format!("{kind} {}", keys::KeyPair::id(&key)));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.subject_alt_names = vec![uri(&SpiffeId::domain(trust_domain))?];
        let certificate = params.self_signed(&Signing::new(&key))?.der().to_vec();
        Ok(Self { key, certificate, not_after })
    }

    /// An authority whose certificate was made before.
    pub fn restored(key: EcKey<P>, certificate: Vec<u8>, not_after: Timestamp) -> Self {
        Self { key, certificate, not_after }
    }

    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// When its own certificate ends: nothing that it signs lasts longer.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// The name of its key.
    pub fn key_id(&self) -> keys::KeyId {
        keys::KeyPair::id(&self.key)
    }

    fn issue(
        &self,
        key: &SubjectKey,
        names: Vec<SanType>,
        usage: Usage,
        random: u128,
        now: Timestamp,
        valid_ms: i64,
    ) -> Result<Issued, IssueError> {
        let not_after = now.plus_ms(valid_ms).min(self.not_after);
        let not_before = now.plus_ms(-BACKDATED_MS);
        let mut params = base_params(random, not_before, not_after);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = match usage {
            Usage::BothEnds => vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth],
            Usage::ClientOnly => vec![ExtendedKeyUsagePurpose::ClientAuth],
        };
        params.subject_alt_names = names;
        params.use_authority_key_identifier_extension = true;
        let issuer = Issuer::from_ca_cert_der(&self.certificate.as_slice().into(), Signing::new(&self.key))?;
        let der = params.signed_by(key, &issuer)?.der().to_vec();
        Ok(Issued { der, serial: serial_text(random), not_before, not_after, key_sha256: key.sha256() })
    }
}

impl<P: HasPurpose> Authority<P> {
    /// The certificate of a listener of ours, with the names that those know it by who know no SPIFFE. The enrolment
    /// listener's is of the device authority, which a vehicle keeps for years: it comes back to it however often the other
    /// authority was replaced meanwhile.
    ///
    /// # Errors
    /// The certificate library's; a name that is no DNS name.
    pub fn issue_server(
        &self,
        key: &SubjectKey,
        id: &SpiffeId,
        names: &ServerNames,
        random: u128,
        now: Timestamp,
        valid_ms: i64,
    ) -> Result<Issued, IssueError> {
        self.issue(key, server_names(id, names)?, Usage::BothEnds, random, now, valid_ms)
    }
}

impl Authority<keys::CertificateAuthority> {
    /// An X509-SVID for one id and no other name.
    ///
    /// # Errors
    /// The certificate library's.
    pub fn issue_svid(
        &self,
        key: &SubjectKey,
        id: &SpiffeId,
        random: u128,
        now: Timestamp,
        valid_ms: i64,
    ) -> Result<Issued, IssueError> {
        self.issue(key, vec![uri(id)?], Usage::BothEnds, random, now, valid_ms)
    }
}

impl Authority<keys::DeviceAuthority> {
    /// The long-lived certificate with which a vehicle's computer enrols.
    ///
    /// # Errors
    /// The certificate library's.
    pub fn issue_device(
        &self,
        key: &SubjectKey,
        id: &SpiffeId,
        random: u128,
        now: Timestamp,
        valid_ms: i64,
    ) -> Result<Issued, IssueError> {
        self.issue(key, vec![uri(id)?], Usage::ClientOnly, random, now, valid_ms)
    }
}

fn server_names(id: &SpiffeId, names: &ServerNames) -> Result<Vec<SanType>, IssueError> {
    let mut all = vec![uri(id)?];
    for name in &names.dns {
        all.push(SanType::DnsName(name.clone().try_into()?));
    }
    all.extend(names.addresses.iter().map(|address| SanType::IpAddress(*address)));
    Ok(all)
}

/// SHA-256 of a certificate, lower-case hexadecimal, as people compare it.
pub fn fingerprint(der: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(der))
}

/// A certificate in PEM (RFC 7468).
pub fn pem(der: &[u8]) -> String {
    use base64::Engine;
    let base64 = base64::engine::general_purpose::STANDARD.encode(der);
    let lines = base64.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok());
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use keys::{CertificateAuthority, DeviceAuthority};
    use proptest::prelude::*;
    use rcgen::KeyPair;
    use x509_parser::prelude::{FromDer, X509Certificate};

    use super::*;
    use crate::PeerCertificate;
    use crate::peer::PeerError;

    const NOW: Timestamp = Timestamp::from_ms(1_764_000_000_000);
    const HOUR_MS: i64 = 3_600_000;

    fn domain() -> TrustDomain {
        "fleet.example".parse().unwrap()
    }

    fn authority() -> Authority<CertificateAuthority> {
        Authority::new(EcKey::generate().unwrap(), &domain(), 7, NOW, 24 * HOUR_MS).unwrap()
    }

    fn vehicle() -> SpiffeId {
        let id = "spiffe://fleet.example/tenant/north-pit/vehicle/veh_01m8mjdxvdewgttkcq8fcmk5r2";
        id.parse().unwrap()
    }

    fn key_of(params: CertificateParams) -> SubjectKey {
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        SubjectKey::of_request(params.serialize_request(&key).unwrap().der()).unwrap()
    }

    #[test]
    fn an_svid_has_the_profile_of_the_standard() {
        let key = key_of(CertificateParams::default());
        let issued = authority().issue_svid(&key, &vehicle(), u128::MAX, NOW, HOUR_MS).unwrap();
        let (rest, certificate) = X509Certificate::from_der(&issued.der).unwrap();
        assert!(rest.is_empty() && !certificate.is_ca());
        let usage = certificate.key_usage().unwrap().unwrap();
        assert!(usage.critical && usage.value.digital_signature() && !usage.value.key_cert_sign());
        let extended = certificate.extended_key_usage().unwrap().unwrap().value;
        assert!(extended.server_auth && extended.client_auth && !extended.any);
        let names = certificate.subject_alternative_name().unwrap().unwrap();
        assert!(names.critical, "the subject is empty");
        assert_eq!(names.value.general_names.len(), 1);
        assert_eq!(certificate.validity().not_before.timestamp(), NOW.as_ms() / 1_000 - 300);
        assert_eq!(certificate.validity().not_after.timestamp(), NOW.as_ms() / 1_000 + 3_600);
        let peer = PeerCertificate::read(&issued.der).unwrap();
        assert_eq!((peer.id, peer.serial), (vehicle(), issued.serial));
        assert_eq!(issued.key_sha256, key.sha256());
    }

    #[test]
    fn nothing_outlives_its_authority_and_no_authority_is_a_peer() {
        let authority = authority();
        let issued =
            authority.issue_svid(&key_of(CertificateParams::default()), &vehicle(), 1, NOW, 48 * HOUR_MS).unwrap();
        assert_eq!(issued.not_after, authority.not_after());
        assert_eq!(PeerCertificate::read(authority.certificate()), Err(PeerError::Authority));
    }

    #[test]
    fn a_devices_certificate_is_for_clients_only() {
        let authority = Authority::<DeviceAuthority>::new(EcKey::generate().unwrap(), &domain(), 7, NOW, HOUR_MS);
        let key = key_of(CertificateParams::default());
        let issued = authority.unwrap().issue_device(&key, &vehicle(), 1, NOW, HOUR_MS).unwrap();
        let (_, certificate) = X509Certificate::from_der(&issued.der).unwrap();
        let extended = certificate.extended_key_usage().unwrap().unwrap().value;
        assert!(!extended.server_auth && extended.client_auth);
    }

    proptest! {
        /// Threat S3: whatever a request asks for, the certificate is ours.
        #[test]
        fn a_hostile_request_changes_nothing_but_the_key(
            name in "[a-z]{1,20}", is_ca in any::<bool>(), years in 1_i64..100, uri in "spiffe://[a-z]{1,9}/admin",
        ) {
            let mut params = CertificateParams::new(vec![name.clone()]).unwrap();
            params.is_ca = if is_ca { IsCa::Ca(BasicConstraints::Unconstrained) } else { IsCa::NoCa };
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
            params.subject_alt_names.push(SanType::URI(uri.try_into().unwrap()));
            params.not_after = time_of(NOW.plus_ms(years * 365 * 24 * HOUR_MS));
            params.distinguished_name.push(DnType::CommonName, name);
            let issued = authority().issue_svid(&key_of(params), &vehicle(), 1, NOW, HOUR_MS).unwrap();
            let (_, certificate) = X509Certificate::from_der(&issued.der).unwrap();
            prop_assert!(!certificate.is_ca());
            prop_assert_eq!(certificate.subject().iter().count(), 0);
            prop_assert_eq!(PeerCertificate::read(&issued.der).unwrap().id, vehicle());
            prop_assert_eq!(certificate.validity().not_after.timestamp(), NOW.as_ms() / 1_000 + 3_600);
        }
    }
}
