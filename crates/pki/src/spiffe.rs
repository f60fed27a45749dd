//! SPIFFE ids (SPIFFE-ID, stable): `spiffe://<trust domain>/tenant/<tenant>/vehicle/<vehicle>` and its siblings.

use std::fmt;
use std::str::FromStr;

use kernel::{TenantId, VehicleId};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The longest id, in bytes (SPIFFE-ID §2.3).
pub const SPIFFE_ID_BYTES_MAX: usize = 2_048;
/// The longest name of a trust domain (SPIFFE-ID §2.1).
const TRUST_DOMAIN_BYTES_MAX: usize = 255;

/// A text that is no SPIFFE id of ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no SPIFFE id: {why}")]
pub struct SpiffeIdError {
    text: String,
    why: &'static str,
}

impl SpiffeIdError {
    fn new(text: &str, why: &'static str) -> Self {
        Self { text: text.chars().take(100).collect(), why }
    }
}

/// Whose authorities vouch for an id: lower-case letters, digits, dots, dashes and underscores.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrustDomain(String);

impl TrustDomain {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TrustDomain {
    type Err = SpiffeIdError;

    fn from_str(text: &str) -> Result<Self, SpiffeIdError> {
        let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
        if text.is_empty() || text.len() > TRUST_DOMAIN_BYTES_MAX || !text.bytes().all(is_plain) {
            let why = "a trust domain has lower-case letters, digits, dots, dashes and underscores, at most 255";
            return Err(SpiffeIdError::new(text, why));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an id names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Named {
    /// A vehicle in service.
    Vehicle { tenant: TenantId, vehicle: VehicleId },
    /// A vehicle's computer that may enrol, and nothing else.
    Device { tenant: TenantId, vehicle: VehicleId },
    /// A part of this product.
    Service(String),
    /// A tool of a garage.
    Garage { tenant: TenantId, tool: String },
    /// The trust domain itself: its authorities.
    Domain,
}

/// A SPIFFE id of ours.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SpiffeId {
    pub trust_domain: TrustDomain,
    pub named: Named,
}

impl SpiffeId {
    pub fn vehicle(trust_domain: &TrustDomain, tenant: &TenantId, vehicle: VehicleId) -> Self {
        Self { trust_domain: trust_domain.clone(), named: Named::Vehicle { tenant: tenant.clone(), vehicle } }
    }

    pub fn device(trust_domain: &TrustDomain, tenant: &TenantId, vehicle: VehicleId) -> Self {
        Self { trust_domain: trust_domain.clone(), named: Named::Device { tenant: tenant.clone(), vehicle } }
    }

    pub fn service(trust_domain: &TrustDomain, name: &str) -> Self {
        Self { trust_domain: trust_domain.clone(), named: Named::Service(name.to_owned()) }
    }

    pub fn domain(trust_domain: &TrustDomain) -> Self {
        Self { trust_domain: trust_domain.clone(), named: Named::Domain }
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spiffe://{}", self.trust_domain)?;
        match &self.named {
            Named::Vehicle { tenant, vehicle } => write!(f, "/tenant/{tenant}/vehicle/{vehicle}"),
            Named::Device { tenant, vehicle } => write!(f, "/tenant/{tenant}/device/{vehicle}"),
            Named::Service(name) => write!(f, "/svc/{name}"),
            Named::Garage { tenant, tool } => write!(f, "/tenant/{tenant}/garage/{tool}"),
            Named::Domain => Ok(()),
        }
    }
}

impl FromStr for SpiffeId {
    type Err = SpiffeIdError;

    fn from_str(text: &str) -> Result<Self, SpiffeIdError> {
        let wrong = |why| SpiffeIdError::new(text, why);
        if text.len() > SPIFFE_ID_BYTES_MAX {
            return Err(wrong("longer than 2,048 bytes"));
        }
        let rest = text.strip_prefix("spiffe://").ok_or_else(|| wrong("it begins with spiffe://"))?;
        let (domain, path) = rest.split_once('/').map_or((rest, None), |(domain, path)| (domain, Some(path)));
        let trust_domain: TrustDomain = domain.parse()?;
        let Some(path) = path else { return Ok(Self { trust_domain, named: Named::Domain }) };
        let segments: Vec<&str> = path.split('/').collect();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
        let is_segment = |segment: &str| !matches!(segment, "" | "." | "..") && segment.bytes().all(is_plain);
        if !segments.iter().all(|segment| is_segment(segment)) {
            return Err(wrong("a segment of its path is empty, a dot, or has other than letters, digits, . - _"));
        }
        let tenant = |text: &str| text.parse::<TenantId>().map_err(|_| wrong("it names no tenant"));
        let vehicle = |text: &str| text.parse::<VehicleId>().map_err(|_| wrong("it names no vehicle"));
        let named = match segments[..] {
            ["tenant", t, "vehicle", v] => Named::Vehicle { tenant: tenant(t)?, vehicle: vehicle(v)? },
            ["tenant", t, "device", v] => Named::Device { tenant: tenant(t)?, vehicle: vehicle(v)? },
            ["tenant", t, "garage", tool] => Named::Garage { tenant: tenant(t)?, tool: tool.to_owned() },
            ["svc", name] => Named::Service(name.to_owned()),
            _ => return Err(wrong("its path is none that this product gives")),
        };
        Ok(Self { trust_domain, named })
    }
}

impl Serialize for SpiffeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SpiffeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_as_they_were() {
        let domain: TrustDomain = "fleet.example".parse().unwrap();
        let (tenant, vehicle) = ("north-pit".parse().unwrap(), "veh_01m8mjdxvdewgttkcq8fcmk5r2".parse().unwrap());
        let id = SpiffeId::vehicle(&domain, &tenant, vehicle);
        assert_eq!(id.to_string(), "spiffe://fleet.example/tenant/north-pit/vehicle/veh_01m8mjdxvdewgttkcq8fcmk5r2");
        let device = SpiffeId::device(&domain, &tenant, vehicle);
        for id in [id, device, SpiffeId::service(&domain, "gateway"), SpiffeId::domain(&domain)] {
            assert_eq!(id.to_string().parse::<SpiffeId>(), Ok(id));
        }
    }

    #[test]
    fn whatever_the_standard_forbids_is_refused() {
        let long = format!("spiffe://fleet.example/svc/{}", "a".repeat(SPIFFE_ID_BYTES_MAX));
        for bad in [
            "",
            "fleet.example/svc/a",
            "https://fleet.example/svc/a",
            "spiffe://Fleet.example/svc/a",
            "spiffe:///svc/a",
            "spiffe://fleet.example/",
            "spiffe://fleet.example/svc/",
            "spiffe://fleet.example//svc/a",
            "spiffe://fleet.example/svc/..",
            "spiffe://fleet.example/svc/.",
            "spiffe://fleet.example/svc/a%20b",
            "spiffe://fleet.example/svc/a?b=c",
            "spiffe://fleet.example/svc/a#b",
            "spiffe://user@fleet.example/svc/a",
            "spiffe://fleet.example:8443/svc/a",
            "spiffe://fleet.example/tenant/north-pit/vehicle/42",
            "spiffe://fleet.example/tenant/North/vehicle/veh_01m8mjdxvdewgttkcq8fcmk5r2",
            "spiffe://fleet.example/other/a",
            long.as_str(),
        ] {
            assert!(bad.parse::<SpiffeId>().is_err(), "{bad}");
        }
    }
}
