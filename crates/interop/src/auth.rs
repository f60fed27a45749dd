//! The credentials of DDI clients: `Authorization: TargetToken …` and `GatewayToken …`.

use std::fmt;

/// The longest token that is read, in bytes. hawkBit makes tokens of 32.
pub const TOKEN_BYTES: usize = 256;

/// What a client brings to be believed. It is a secret: `Debug` does not show it, and the caller compares a keyed hash
/// of it or compares in constant time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Credential<'a> {
    /// Of one controller.
    Target(&'a str),
    /// Of a tenant's gateway, which can speak for every controller of it.
    Gateway(&'a str),
}

/// An `Authorization` that names no DDI client. The answer is 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// Another scheme, or none.
    #[error("the authorization is neither a TargetToken nor a GatewayToken")]
    Scheme,
    /// The token is empty, too long, or has characters that no token has.
    #[error("the token is empty, longer than {TOKEN_BYTES} bytes, or has characters that no token has")]
    Token,
}

impl<'a> Credential<'a> {
    /// Reads the value of an `Authorization` field. The name of the scheme is read in any case (RFC 9110 §11.1).
    ///
    /// # Errors
    /// [`AuthError`].
    pub fn read(authorization: &'a str) -> Result<Self, AuthError> {
        let (scheme, token) = authorization.trim().split_once([' ', '\t']).ok_or(AuthError::Scheme)?;
        let credential = match scheme {
            _ if scheme.eq_ignore_ascii_case("TargetToken") => Self::Target,
            _ if scheme.eq_ignore_ascii_case("GatewayToken") => Self::Gateway,
            _ => return Err(AuthError::Scheme),
        };
        let token = token.trim();
        let well_formed = (1..=TOKEN_BYTES).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic());
        if well_formed { Ok(credential(token)) } else { Err(AuthError::Token) }
    }

    /// The secret itself.
    pub fn secret(&self) -> &'a str {
        match self {
            Self::Target(token) | Self::Gateway(token) => token,
        }
    }
}

impl fmt::Debug for Credential<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Target(_) => "Target(…)",
            Self::Gateway(_) => "Gateway(…)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_schemes_are_read() {
        assert_eq!(Credential::read("TargetToken 5f0a"), Ok(Credential::Target("5f0a")));
        assert_eq!(Credential::read(" gatewaytoken\t  5f0a "), Ok(Credential::Gateway("5f0a")));
        assert_eq!(Credential::read("TargetToken 5f0a").unwrap().secret(), "5f0a");
    }

    #[test]
    fn others_are_refused() {
        for other in ["", "TargetToken", "TargetToken ", "Bearer x", "TargetTokenx y", "Basic eDp5"] {
            assert_eq!(Credential::read(other), Err(AuthError::Scheme), "{other}");
        }
        let long = format!("TargetToken {}", "a".repeat(TOKEN_BYTES + 1));
        for bad in ["TargetToken a b", "GatewayToken ä", "TargetToken a\u{0}", &long] {
            assert_eq!(Credential::read(bad), Err(AuthError::Token), "{bad}");
        }
        assert!(Credential::read(&long[..long.len() - 1]).is_ok());
    }

    #[test]
    fn a_log_does_not_hold_it() {
        let shown = format!("{:?}", Credential::read("TargetToken 5f0a"));
        assert_eq!(shown, "Ok(Target(…))");
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(text in any::<String>()) {
            let _ = Credential::read(&text);
            let _ = Credential::read(&format!("TargetToken {text}"));
        }
    }
}
