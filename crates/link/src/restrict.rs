//! What takes motion away, and how long (SAFE-6). A restriction is taken in any state, in any order, under any claim
//! epoch; together the strictest one counts; each holds until a clearance names it or its scope ends. All of it is a
//! set with rules: no clock, no link.

use std::collections::BTreeMap;

use kernel::{CommandId, Coordinate, Timestamp, TripId};

use crate::to_vehicle::{Clearance, GroundWhen, StopClass};
use kernel::Mode;

/// How long a restriction holds unless a clearance names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Until this trip ends.
    Trip(TripId),
    /// Until cleared.
    Vehicle,
}

/// What a restrictive command takes away.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Restriction {
    /// Stand.
    Stop {
        /// How.
        class: StopClass,
        /// Where, with [`StopClass::AtPlace`].
        place: Option<Coordinate>,
        /// How long.
        scope: Scope,
    },
    /// Drive no faster.
    Slow {
        /// Metres per second.
        max_speed_mps: f64,
        /// How long.
        scope: Scope,
    },
    /// The trip ends here: stop at the nearest admissible place. `None`: whichever trip it is.
    Cancel {
        /// The trip.
        trip: Option<TripId>,
    },
    /// No more trips.
    Ground {
        /// From when on.
        when: GroundWhen,
    },
    /// Stop and stay: the claim is no longer valid (SAFE-4).
    Quarantine,
}

impl Restriction {
    /// How long it holds; `None`: it is done when its trip is, and holds nothing by itself.
    pub fn scope(&self) -> Option<Scope> {
        match self {
            Restriction::Stop { scope, .. } | Restriction::Slow { scope, .. } => Some(*scope),
            Restriction::Cancel { .. } => None,
            Restriction::Ground { .. } | Restriction::Quarantine => Some(Scope::Vehicle),
        }
    }
}

/// What all restrictions that hold a vehicle mean together.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Strictest {
    /// It must stand, by the strictest class.
    pub stop: Option<(StopClass, Option<Coordinate>)>,
    /// The lowest speed limit in metres per second.
    pub max_speed_mps: Option<f64>,
    /// Whether a new trip may not be taken.
    pub no_new_trip: bool,
}

/// The restrictions that hold one vehicle, by the command that brought each.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Holding(BTreeMap<CommandId, Restriction>);

impl Holding {
    /// Takes a restriction; the same command again changes nothing.
    pub fn take(&mut self, command: CommandId, restriction: Restriction) {
        if restriction.scope().is_some() {
            self.0.insert(command, restriction);
        }
    }

    /// Ends what the clearance names and returns the commands that are over. Anything else keeps holding.
    pub fn clear(&mut self, clearance: Clearance) -> Vec<CommandId> {
        match clearance {
            Clearance::Command(command) => self.remove_where(|id, _| id == command),
            Clearance::Scope(scope) => self.remove_where(|_, restriction| restriction.scope() == Some(scope)),
        }
    }

    /// Ends what held for the trip and returns the commands that are over.
    pub fn trip_ended(&mut self, trip: TripId) -> Vec<CommandId> {
        self.remove_where(|_, restriction| restriction.scope() == Some(Scope::Trip(trip)))
    }

    fn remove_where(&mut self, over: impl Fn(CommandId, &Restriction) -> bool) -> Vec<CommandId> {
        let ids: Vec<_> = self.0.iter().filter(|(id, r)| over(**id, r)).map(|(id, _)| *id).collect();
        for id in &ids {
            self.0.remove(id);
        }
        ids
    }

    /// The commands that hold, in order.
    pub fn commands(&self) -> impl Iterator<Item = CommandId> + '_ {
        self.0.keys().copied()
    }

    /// Whether this command holds.
    pub fn holds(&self, command: CommandId) -> bool {
        self.0.contains_key(&command)
    }

    /// Whether nothing holds.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What counts for a vehicle on `trip`, or on none: the strictest of each kind. What is meant for another trip
    /// waits for that one.
    pub fn strictest(&self, trip: Option<TripId>) -> Strictest {
        let applies = |r: &&Restriction| match r.scope() {
            Some(Scope::Trip(of)) => trip == Some(of),
            _ => true,
        };
        self.0.values().filter(applies).fold(Strictest::default(), |mut all, restriction| {
            match *restriction {
                Restriction::Stop { class, place, .. } => {
                    all.stop = stricter(all.stop, (class, place));
                    all.no_new_trip = true;
                }
                Restriction::Slow { max_speed_mps, .. } => {
                    all.max_speed_mps = Some(all.max_speed_mps.map_or(max_speed_mps, |v| v.min(max_speed_mps)));
                }
                Restriction::Ground { when } => {
                    all.no_new_trip = true;
                    match when {
                        GroundWhen::AfterTrip => {}
                        GroundWhen::NextAdmissible => {
                            all.stop = stricter(all.stop, (StopClass::NearestAdmissible, None));
                        }
                        GroundWhen::Now => all.stop = stricter(all.stop, (StopClass::Now, None)),
                    }
                }
                Restriction::Quarantine => {
                    all.stop = stricter(all.stop, (StopClass::NearestAdmissible, None));
                    all.no_new_trip = true;
                }
                Restriction::Cancel { .. } => {}
            }
            all
        })
    }
}

type RequestedStop = (StopClass, Option<Coordinate>);

fn stricter(a: Option<RequestedStop>, b: RequestedStop) -> Option<RequestedStop> {
    match a {
        Some(a) if a.0 >= b.0 => Some(a),
        _ => Some(b),
    }
}

/// Why a permissive command is refused, as a stable code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The vehicle does not know the server's time well enough to tell whether the command expired.
    ClockUnknown,
    /// It expired.
    Expired,
    /// It is not of the current claim epoch.
    StaleClaim,
    /// A restrictive command holds.
    Held,
    /// The vehicle is not driven by its own system.
    Mode,
}

impl Refusal {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Refusal::ClockUnknown => "CLOCK_UNKNOWN",
            Refusal::Expired => "EXPIRED",
            Refusal::StaleClaim => "STALE_CLAIM",
            Refusal::Held => "HELD",
            Refusal::Mode => "MODE",
        }
    }
}

/// What a vehicle knows when a command arrives.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// The latest that the server's time can be now; `None`: unknown.
    pub server_time: Option<Timestamp>,
    /// The highest claim epoch that it has heard of.
    pub claim_epoch: u64,
    /// How it is driven.
    pub mode: Mode,
    /// The trip that the command is about.
    pub trip: Option<TripId>,
    /// What holds it.
    pub holding: &'a Holding,
}

/// Whether a permissive command that starts or widens motion may be taken (SAFE-6, -7, -17).
///
/// # Errors
/// The first rule that forbids it.
pub fn permit(expires_at: Timestamp, claim_epoch: u64, situation: Situation<'_>) -> Result<(), Refusal> {
    not_expired(expires_at, situation.server_time)?;
    if claim_epoch < situation.claim_epoch || claim_epoch == 0 {
        return Err(Refusal::StaleClaim);
    }
    if !situation.mode.takes_motion() {
        return Err(Refusal::Mode);
    }
    if situation.holding.strictest(situation.trip).stop.is_some() {
        return Err(Refusal::Held);
    }
    Ok(())
}

/// Whether a permissive command is still fresh.
///
/// # Errors
/// It expired, or nobody can tell.
pub fn not_expired(expires_at: Timestamp, server_time: Option<Timestamp>) -> Result<(), Refusal> {
    match server_time {
        None => Err(Refusal::ClockUnknown),
        Some(now) if now >= expires_at => Err(Refusal::Expired),
        Some(_) => Ok(()),
    }
}
