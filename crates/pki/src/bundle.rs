//! The trust bundle of a trust domain: a JWK Set of its authorities and of the keys of its tokens (SPIFFE Trust Domain and
//! Bundle §4).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

/// What the authorities of a trust domain are now. Nothing in it means that nobody is vouched for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bundle {
    /// Grows with each change; an older one is refused.
    pub sequence: u64,
    /// How often it is worth asking again, in seconds.
    pub refresh_hint_s: u64,
    /// Certificates of authorities that X509-SVIDs lead to, in DER.
    pub authorities: Vec<Vec<u8>>,
    /// Keys of JWT-SVIDs: their name, and the uncompressed point on P-256.
    pub token_keys: Vec<(String, Vec<u8>)>,
}

#[derive(Serialize, Deserialize)]
struct Jwks {
    keys: Vec<Jwk>,
    spiffe_sequence: u64,
    spiffe_refresh_hint: u64,
}

#[derive(Serialize, Deserialize)]
struct Jwk {
    kty: String,
    crv: String,
    #[serde(rename = "use")]
    usage: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    kid: Option<String>,
    x: String,
    y: String,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    x5c: Vec<String>,
}

/// A document that is no bundle of ours.
#[derive(Debug, thiserror::Error)]
#[error("the document is no trust bundle: {0}")]
pub struct BundleError(&'static str);

impl Bundle {
    /// As the bundle endpoint serves it.
    pub fn jwks(&self) -> serde_json::Value {
        let jwk = |usage: &str, point: &[u8], kid: Option<String>, x5c: Vec<String>| {
            let half = |from: usize| URL_SAFE_NO_PAD.encode(point.get(from..from + 32).unwrap_or_default());
            Jwk { kty: "EC".into(), crv: "P-256".into(), usage: usage.into(), kid, x: half(1), y: half(33), x5c }
        };
        let authority = |der: &Vec<u8>| Some(jwk("x509-svid", &point_of(der)?, None, vec![STANDARD.encode(der)]));
        let authorities = self.authorities.iter().filter_map(authority);
        let tokens = self.token_keys.iter().map(|(kid, point)| jwk("jwt-svid", point, Some(kid.clone()), Vec::new()));
        let jwks = Jwks {
            keys: authorities.chain(tokens).collect(),
            spiffe_sequence: self.sequence,
            spiffe_refresh_hint: self.refresh_hint_s,
        };
        serde_json::to_value(jwks).unwrap_or_default()
    }

    /// Reads what a bundle endpoint served.
    ///
    /// # Errors
    /// [`BundleError`].
    pub fn read(document: &[u8]) -> Result<Self, BundleError> {
        let jwks: Jwks =
            serde_json::from_slice(document).map_err(|_| BundleError("it is no JWK Set with a sequence"))?;
        let mut bundle =
            Self { sequence: jwks.spiffe_sequence, refresh_hint_s: jwks.spiffe_refresh_hint, ..Self::default() };
        for key in jwks.keys {
            match (key.usage.as_str(), &key.x5c[..], key.kid) {
                ("x509-svid", [certificate], None) => {
                    let der = STANDARD.decode(certificate).map_err(|_| BundleError("a certificate is no base 64"))?;
                    point_of(&der).ok_or(BundleError("a certificate has no key on P-256"))?;
                    bundle.authorities.push(der);
                }
                ("jwt-svid", [], Some(kid)) => {
                    let half = |text: &str| URL_SAFE_NO_PAD.decode(text).ok().filter(|bytes| bytes.len() == 32);
                    let (Some(x), Some(y)) = (half(&key.x), half(&key.y)) else {
                        return Err(BundleError("a key of tokens is no point on P-256"));
                    };
                    bundle.token_keys.push((kid, [vec![4], x, y].concat()));
                }
                _ => return Err(BundleError("a key is neither of certificates nor of tokens")),
            }
        }
        Ok(bundle)
    }
}

/// The public point in a certificate on P-256.
fn point_of(der: &[u8]) -> Option<Vec<u8>> {
    use x509_parser::prelude::{FromDer, X509Certificate};
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let point = certificate.public_key().subject_public_key.data.to_vec();
    (point.len() == keys::EC_PUBLIC_BYTES).then_some(point)
}

#[cfg(test)]
mod tests {
    use kernel::Timestamp;
    use keys::{CertificateAuthority, EcKey, KeyPair, Token};

    use super::*;
    use crate::Authority;

    #[test]
    fn a_bundle_comes_back_as_it_was() {
        let (key, domain) = (EcKey::<CertificateAuthority>::generate().unwrap(), "fleet.example".parse().unwrap());
        let authority = Authority::new(key, &domain, 1, Timestamp::from_ms(1_764_000_000_000), 1_000_000).unwrap();
        let token = EcKey::<Token>::generate().unwrap();
        let bundle = Bundle {
            sequence: 4,
            refresh_hint_s: 300,
            authorities: vec![authority.certificate().to_vec()],
            token_keys: vec![(token.id().to_string(), token.public_key().as_bytes().to_vec())],
        };
        let jwks = bundle.jwks();
        assert_eq!((&jwks["keys"][0]["use"], &jwks["keys"][1]["use"]), (&"x509-svid".into(), &"jwt-svid".into()));
        assert!(jwks["keys"][0].get("kid").is_none(), "SPIFFE bundle §4.2.3: none of a certificate");
        assert_eq!(Bundle::read(jwks.to_string().as_bytes()).unwrap(), bundle);
    }

    #[test]
    fn an_empty_bundle_is_one_and_others_are_not() {
        let empty = br#"{"keys":[],"spiffe_sequence":9,"spiffe_refresh_hint":60}"#;
        assert_eq!(Bundle::read(empty).unwrap().authorities.len(), 0);
        let key = r#"{"kty":"EC","crv":"P-256","use":"sig","kid":"a","x":"","y":""}"#;
        for bad in
            ["", "{}", r#"{"keys":[]}"#, &format!(r#"{{"keys":[{key}],"spiffe_sequence":1,"spiffe_refresh_hint":1}}"#)]
        {
            assert!(Bundle::read(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
