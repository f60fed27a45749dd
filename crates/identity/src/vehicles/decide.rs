//! The rules of a vehicle's identity, each a pure function of its state and of facts.

use data_encoding::HEXLOWER;
use kernel::{Code, Decided, Reject, Timestamp};
use pki::{Issued, SpiffeId};

use super::identity::{
    IdentityEnrolled, IdentityEvent, IdentityJoinTokenIssued, IdentityQuarantined, IdentityRefused, IdentityRegistered,
    IdentityRetired, IdentityRevoked, IdentityStatus, IdentitySvidIssued, IdentitySvidUsed, KeyOrigin, Refusal,
    VehicleIdentity,
};

/// How long a lost answer to an enrolment is given again to the same key.
pub const REPEATED_MS: i64 = 10 * 60_000;

type Answer<R> = Decided<IdentityEvent, R>;

fn gone(text: &str) -> Reject {
    Reject::new(Code::IllegalTransition, text)
}

fn registered(state: Option<&VehicleIdentity>) -> Result<&VehicleIdentity, Reject> {
    let known = state.ok_or_else(|| Reject::new(Code::NotFound, "this vehicle has no identity"))?;
    match known.status {
        IdentityStatus::Retired => Err(gone("the vehicle is decommissioned: its identity is over for good")),
        _ => Ok(known),
    }
}

/// Gives a vehicle its name, once (ONB-4).
pub fn register(state: Option<&VehicleIdentity>, spiffe_id: &SpiffeId) -> Answer<()> {
    match state {
        Some(_) => Decided::unchanged(()),
        None => Decided::accept([IdentityRegistered { spiffe_id: spiffe_id.clone() }.into()], ()),
    }
}

/// Gives out a join token; the one before it is worth nothing then. After a revocation this is the way back.
pub fn issue_join_token(
    state: Option<&VehicleIdentity>,
    spiffe_id: &SpiffeId,
    token: &str,
    expires_at: Timestamp,
) -> Answer<()> {
    let issued = IdentityJoinTokenIssued { token: token.into(), expires_at };
    match state {
        None => Decided::accept([IdentityRegistered { spiffe_id: spiffe_id.clone() }.into(), issued.into()], ()),
        Some(_) => match registered(state) {
            Err(reject) => Decided::reject(reject),
            Ok(known) if known.status == IdentityStatus::Quarantined => {
                Decided::reject(gone("the vehicle is being stopped and revoked: wait until it stands"))
            }
            Ok(_) => Decided::accept([issued.into()], ()),
        },
    }
}

/// What becomes of an enrolment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enrolment {
    /// With the certificate that was made for it.
    New,
    /// The same token and the same key again: the certificate of the first time.
    Repeated,
}

fn refused<R>(why: Refusal, presented: &str, code: Code, text: &str) -> Answer<R> {
    let event = IdentityRefused { why, presented: presented.into() };
    Decided { events: vec![event.into()], reply: Err(Reject::new(code, text)) }
}

/// Enrols by a join token that was found to be this vehicle's: exactly one key uses it, under any race (ONB-10).
pub fn enrol(
    state: Option<&VehicleIdentity>,
    token: &str,
    device: &Issued,
    key_origin: KeyOrigin,
    now: Timestamp,
) -> Answer<Enrolment> {
    let known = match registered(state) {
        Ok(known) => known,
        Err(reject) => return Decided::reject(reject),
    };
    let key = HEXLOWER.encode(&device.key_sha256);
    let Some(join) = known.join_token.as_ref().filter(|join| join.token == token) else {
        let text = "this join token was replaced by a newer one: ask the garage for that";
        return refused(Refusal::TokenUsed, token, Code::Unauthenticated, text);
    };
    if let (Some(used_by), Some(used_at)) = (&join.used_by, join.used_at) {
        if *used_by == key && now < used_at.plus_ms(REPEATED_MS) {
            return Decided::unchanged(Enrolment::Repeated);
        }
        let text = "this join token was used already: ask the garage for another";
        return refused(Refusal::TokenUsed, token, Code::Unauthenticated, text);
    }
    if now >= join.expires_at {
        let text = "this join token is too old: ask the garage for another";
        return refused(Refusal::TokenExpired, token, Code::Unauthenticated, text);
    }
    if known.keys.contains(&key) {
        let text = "the vehicle had this key before: make a new one";
        return refused(Refusal::OldKey, token, Code::Forbidden, text);
    }
    let token = Some(token.to_owned());
    Decided::accept([enrolled(token, device, key_origin).into()], Enrolment::New)
}

fn enrolled(token: Option<String>, device: &Issued, key_origin: KeyOrigin) -> IdentityEnrolled {
    let (serial, key_sha256, not_after) =
        (device.serial.clone(), HEXLOWER.encode(&device.key_sha256), device.not_after);
    IdentityEnrolled { token, serial, key_sha256, key_origin, not_after }
}

fn with_device<'a>(state: Option<&'a VehicleIdentity>, serial: &str) -> Result<&'a VehicleIdentity, Reject> {
    let known = registered(state)?;
    match &known.device {
        Some(device) if device.serial == serial => Ok(known),
        _ => {
            Err(Reject::new(Code::Unauthenticated, "this device certificate is not in force: enrol with a join token"))
        }
    }
}

/// Replaces the device certificate by one that it vouches for. The one before and the same key again get the same.
pub fn reenrol(state: Option<&VehicleIdentity>, by: &str, device: &Issued) -> Answer<Enrolment> {
    let key = HEXLOWER.encode(&device.key_sha256);
    let is_repeated = state.is_some_and(|known| {
        known.device_before.as_deref() == Some(by) && known.device.as_ref().is_some_and(|now| now.key_sha256 == key)
    });
    match with_device(state, by) {
        _ if is_repeated => Decided::unchanged(Enrolment::Repeated),
        Err(reject) => Decided::reject(reject),
        Ok(_) => Decided::accept([enrolled(None, device, KeyOrigin::Device).into()], Enrolment::New),
    }
}

/// Gives out a certificate to work by.
pub fn issue_svid(state: Option<&VehicleIdentity>, by: &str, svid: &Issued, authority: &str) -> Answer<()> {
    let known = match with_device(state, by) {
        Ok(known) => known,
        Err(reject) => return Decided::reject(reject),
    };
    if known.status == IdentityStatus::Quarantined {
        return Decided::reject(gone("the vehicle is in quarantine: it gets no certificate until it was restored"));
    }
    let (serial, key_sha256, not_after) = (svid.serial.clone(), HEXLOWER.encode(&svid.key_sha256), svid.not_after);
    Decided::accept([IdentitySvidIssued { serial, key_sha256, not_after, authority: authority.into() }.into()], ())
}

/// A certificate was presented and is in force; at its first use the ones before it end.
pub fn use_svid(state: Option<&VehicleIdentity>, serial: &str) -> Answer<()> {
    let known = match registered(state) {
        Ok(known) => known,
        Err(reject) => return Decided::reject(reject),
    };
    match known.svids.iter().find(|svid| svid.serial == serial) {
        None => Decided::reject(Reject::new(Code::Unauthenticated, "this certificate is not in force")),
        Some(svid) if svid.first_used_at.is_some() => Decided::unchanged(()),
        Some(_) => Decided::accept([IdentitySvidUsed { serial: serial.into() }.into()], ()),
    }
}

/// Remembers that somebody was not let in.
pub fn refuse(state: Option<&VehicleIdentity>, why: Refusal, presented: &str) -> Answer<()> {
    match state {
        None => Decided::unchanged(()),
        Some(_) => Decided::accept([IdentityRefused { why, presented: presented.into() }.into()], ()),
    }
}

/// What a revocation comes to at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revocation {
    InForce,
    /// The vehicle is not proven parked: it is stopped first, and heard until it stands (SAFE-3).
    WaitsForStandstill,
}

/// Takes an identity away: at once where the vehicle is proven parked, else as soon as it is.
pub fn revoke(state: Option<&VehicleIdentity>, parked: bool, reason: &str) -> Answer<Revocation> {
    let known = match registered(state) {
        Ok(known) => known,
        Err(reject) => return Decided::reject(reject),
    };
    let (reason, epoch) = (reason.to_owned(), known.epoch + 1);
    match known.status {
        IdentityStatus::Revoked => Decided::unchanged(Revocation::InForce),
        _ if parked => Decided::accept([IdentityRevoked { reason, epoch }.into()], Revocation::InForce),
        IdentityStatus::Quarantined => Decided::unchanged(Revocation::WaitsForStandstill),
        _ => Decided::accept([IdentityQuarantined { reason, epoch }.into()], Revocation::WaitsForStandstill),
    }
}

/// A vehicle in quarantine stands: now it is revoked.
pub fn stands(state: Option<&VehicleIdentity>) -> Answer<()> {
    match state {
        Some(known) if known.status == IdentityStatus::Quarantined => {
            let reason = known.reason.clone().unwrap_or_default();
            Decided::accept([IdentityRevoked { reason, epoch: known.epoch + 1 }.into()], ())
        }
        _ => Decided::unchanged(()),
    }
}

/// The vehicle has left for good.
pub fn retire(state: Option<&VehicleIdentity>, reason: &str) -> Answer<()> {
    match state {
        Some(known) if known.status != IdentityStatus::Retired => {
            Decided::accept([IdentityRetired { reason: reason.into(), epoch: known.epoch + 1 }.into()], ())
        }
        _ => Decided::unchanged(()),
    }
}
