//! JWT-SVIDs (SPIFFE JWT-SVID, stable): tokens of a vehicle for one audience, ES256, bound to its certificate (RFC 8705).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kernel::Timestamp;
use keys::{EcKey, EcPublicKey, KeyPair, Token};
use serde::{Deserialize, Serialize};

use crate::SpiffeId;

/// The longest token that is read.
pub const TOKEN_BYTES_MAX: usize = 4_096;
/// How long one lasts.
pub const VALID_MS: i64 = 5 * 60_000;
/// How far the clocks of two servers may be apart, in seconds.
const LEEWAY_S: i64 = 30;

/// Why a token proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("the token is not of the expected form")]
    Malformed,
    #[error("the token is signed by another algorithm than ES256, or its header says more than alg, kid and typ")]
    Header,
    #[error("the token is signed by a key that this trust domain does not have")]
    UnknownKey,
    #[error("the signature of the token does not match")]
    Signature,
    #[error("the token has expired")]
    Expired,
    #[error("the token is for another audience")]
    Audience,
    #[error("the subject of the token is no SPIFFE id of this trust domain")]
    Subject,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    typ: Option<String>,
}

/// The claims of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    pub sub: SpiffeId,
    pub aud: Vec<String>,
    pub iat: i64,
    pub exp: i64,
    /// The credential epoch in which it was given; a later one makes it worthless.
    pub epoch: u64,
    pub cnf: Confirmation,
}

/// The certificate to which a token is bound.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    #[serde(rename = "x5t#S256")]
    pub certificate_sha256: String,
}

/// What a token is to say.
#[derive(Debug, Clone)]
pub struct NewToken<'a> {
    pub subject: &'a SpiffeId,
    pub audience: Vec<String>,
    pub epoch: u64,
    pub certificate_sha256: &'a [u8; 32],
}

/// Signs a token.
///
/// # Errors
/// When the key cannot be used.
pub fn sign(key: &EcKey<Token>, new: NewToken<'_>, now: Timestamp) -> Result<String, keys::KeyError> {
    let iat = now.as_ms().div_euclid(1_000);
    let header = Header { alg: "ES256".into(), kid: key.id().to_string(), typ: Some("JWT".into()) };
    let claims = Claims {
        sub: new.subject.clone(),
        aud: new.audience,
        iat,
        exp: iat + VALID_MS / 1_000,
        epoch: new.epoch,
        cnf: Confirmation { certificate_sha256: URL_SAFE_NO_PAD.encode(new.certificate_sha256) },
    };
    let part = |value: serde_json::Result<Vec<u8>>| {
        value.map(|bytes| URL_SAFE_NO_PAD.encode(bytes)).map_err(|_| keys::KeyError::Unusable("claims have no form"))
    };
    let signed = format!("{}.{}", part(serde_json::to_vec(&header))?, part(serde_json::to_vec(&claims))?);
    let signature = key.sign(signed.as_bytes())?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// Checks a token for an audience; `key_of` finds the key of a name.
///
/// # Errors
/// [`TokenError`].
pub fn verify(
    token: &str,
    audience: &str,
    key_of: impl Fn(&str) -> Option<EcPublicKey<Token>>,
    now: Timestamp,
) -> Result<Claims, TokenError> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(TokenError::Malformed);
    }
    let mut parts = token.split('.');
    let (Some(header), Some(claims), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(TokenError::Malformed);
    };
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed);
    let read: Header = serde_json::from_slice(&decode(header)?).map_err(|_| TokenError::Header)?;
    if read.alg != "ES256" || read.typ.as_deref().is_some_and(|typ| typ != "JWT" && typ != "JOSE") {
        return Err(TokenError::Header);
    }
    let key = key_of(&read.kid).ok_or(TokenError::UnknownKey)?;
    key.verify(format!("{header}.{claims}").as_bytes(), &decode(signature)?).map_err(|_| TokenError::Signature)?;
    let claims: Claims = serde_json::from_slice(&decode(claims)?).map_err(|_| TokenError::Subject)?;
    let now_s = now.as_ms().div_euclid(1_000);
    if now_s >= claims.exp + LEEWAY_S || claims.iat > now_s + LEEWAY_S {
        return Err(TokenError::Expired);
    }
    if !claims.aud.iter().any(|aud| aud == audience) {
        return Err(TokenError::Audience);
    }
    Ok(claims)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_764_000_000_000);

    fn id() -> SpiffeId {
        "spiffe://fleet.example/svc/gateway".parse().unwrap()
    }

    fn token(key: &EcKey<Token>) -> String {
        let (subject, audience) = (id(), vec!["updates".to_owned()]);
        sign(key, NewToken { subject: &subject, audience, epoch: 3, certificate_sha256: &[7; 32] }, NOW).unwrap()
    }

    #[test]
    fn a_token_says_who_for_whom_and_on_which_connection() {
        let key = EcKey::generate().unwrap();
        let of_name = |kid: &str| (kid == key.id().to_string()).then(|| key.public_key());
        let claims = verify(&token(&key), "updates", of_name, NOW).unwrap();
        assert_eq!((claims.sub, claims.epoch, claims.exp - claims.iat), (id(), 3, 300));
        assert_eq!(claims.cnf.certificate_sha256, URL_SAFE_NO_PAD.encode([7; 32]));
    }

    #[test]
    fn tokens_of_others_for_others_and_of_other_times_are_refused() {
        let (key, other) = (EcKey::generate().unwrap(), EcKey::<Token>::generate().unwrap());
        let any = |_: &str| Some(key.public_key());
        let good = token(&key);
        let parts: Vec<&str> = good.split('.').collect();
        let with_header = |json: &str| format!("{}.{}.{}", URL_SAFE_NO_PAD.encode(json), parts[1], parts[2]);
        let refused =
            |token: &str, why: TokenError| assert_eq!(verify(token, "updates", any, NOW), Err(why), "{token}");
        for header in [
            r#"{"alg":"none","kid":"a"}"#,
            r#"{"alg":"HS256","kid":"a"}"#,
            r#"{"alg":"ES256","kid":"a","typ":"at+jwt"}"#,
            r#"{"alg":"ES256","kid":"a","jku":"https://elsewhere.example"}"#,
            r#"{"alg":"ES256","kid":"a","x5c":["AA"]}"#,
            r#"{"alg":"ES256"}"#,
        ] {
            refused(&with_header(header), TokenError::Header);
        }
        refused(&with_header(r#"{"alg":"ES256","kid":"a"}"#), TokenError::Signature);
        refused(&token(&other), TokenError::Signature);
        for text in ["", "a.b", "a.b.c.d", &"a".repeat(TOKEN_BYTES_MAX + 1)] {
            refused(text, TokenError::Malformed);
        }
        refused(&format!("{}.{}.", parts[0], parts[1]), TokenError::Signature);
        assert_eq!(verify(&good, "others", any, NOW), Err(TokenError::Audience));
        assert_eq!(verify(&good, "updates", |_| None, NOW), Err(TokenError::UnknownKey));
        assert_eq!(verify(&good, "updates", any, NOW.plus_ms(331_000)), Err(TokenError::Expired));
        assert_eq!(verify(&good, "updates", any, NOW.plus_ms(-31_000)), Err(TokenError::Expired));
        assert!(verify(&good, "updates", any, NOW.plus_ms(320_000)).is_ok());
    }
}
