//! Zones and closures, kept by the vehicle itself (SAFE-9), with and without a link. A rule in force ends how far the
//! present path may be driven: the vehicle goes on until the last place before it where it may stand, and waits there for
//! another way. Who cannot stop before it any more counts as inside: it drives on and out, or stops where the class is
//! STOP. A rule that ends before the vehicle stands leaves no trace; one that ends later moves nothing (SAFE-13).

use kernel::{CommandId, RouteId};
use link::{RuleClass, RuleKind, SiteRule, v1};

use super::commands::No;
use super::motion::{ARRIVAL_M, DECELERATION_MPS2};
use super::{Agent, Now};
use crate::durable::{Latch, Record, RulesMemory};
use crate::path::Path;
use crate::vehicle::VehicleState;

/// The code of a refusal or stop because of a rule.
pub(super) const ROAD_CLOSED: &str = "ROAD_CLOSED";
/// How far before a closed stretch a vehicle stands, in metres: its own length and the error of its place.
const STANDOFF_M: f64 = 10.0;
/// How long it waits there for another way before it asks for a person, in milliseconds with a link: the time that an
/// offer is valid, and some.
const ASSIST_AFTER_MS: u64 = 15_000;

/// A stretch of a path that a rule holds on, in metres.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stretch {
    /// The place of the rule among the site's.
    rule: usize,
    pub begin_m: f64,
    pub end_m: f64,
}

/// The stretches of the present path that rules hold on, looked up once for each path and set of rules.
#[derive(Debug, Default)]
pub(super) struct RuledPath {
    of: Option<(RouteId, String)>,
    stretches: Vec<Stretch>,
    /// Since when the vehicle stands before one with a link.
    waits_since_ms: Option<u64>,
    asked: bool,
}

impl RuledPath {
    pub(super) fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }
}

fn stretches(rules: &[SiteRule], path: &Path) -> Vec<Stretch> {
    let of_rule = |(n, rule): (usize, &SiteRule)| {
        let stretch = move |(begin_m, end_m)| Stretch { rule: n, begin_m, end_m };
        path.stretches_in(&rule.area).into_iter().map(stretch)
    };
    rules.iter().enumerate().flat_map(of_rule).collect()
}

/// What a rule asks of those inside, where it closes roads.
fn class_of(rule: &SiteRule) -> Option<RuleClass> {
    match rule.kind {
        RuleKind::Closed(class) => Some(class),
        RuleKind::SpeedLimit(_) => None,
    }
}

impl Agent {
    /// Takes the site's rules, unless they are a late repetition: older than those that are kept by their revision and by
    /// the time of issue. One alone may go back: the time where a clock was set, the revision where a store was restored.
    pub(super) fn ruled(&mut self, raw: v1::Command, id: CommandId, revision: u64, now: Now) {
        let is_older =
            |kept: &RulesMemory| kept.command.issued_at_us > raw.issued_at_us && kept.rules.revision >= revision;
        if !self.memory.rules.as_ref().is_some_and(is_older) {
            self.persist(Record::Rules(raw));
        }
        // The vehicle obeys before the server is told.
        self.pursue(now);
        self.answer(id, v1::DeliveryState::Done, "", "");
    }

    /// Brings the stretches under rules to the present path and rules.
    pub(super) fn look_up_rules(&mut self) {
        let (Some(plan), Some(kept)) = (&self.plan, &self.memory.rules) else {
            self.ruled = RuledPath::default();
            return;
        };
        let of = Some((plan.path.id(), kept.command.command_id.clone()));
        if self.ruled.of != of {
            let stretches = stretches(&kept.rules.rules, &plan.path);
            self.ruled = RuledPath { of, stretches, ..RuledPath::default() };
        }
    }

    /// The rules that are in force as far as anybody can tell, each with a stretch that ends behind a place on the path.
    pub(super) fn in_force<'a>(
        &'a self,
        stretches: &'a [Stretch],
        from_m: f64,
        now: Now,
    ) -> impl Iterator<Item = (&'a SiteRule, Stretch)> + 'a {
        let rules = self.memory.rules.as_ref().map_or(&[][..], |kept| &kept.rules.rules);
        let between = self.clock.between(now.ms);
        let ahead = stretches.iter().filter(move |stretch| stretch.end_m > from_m);
        let known = ahead.filter_map(|stretch| Some((rules.get(stretch.rule)?, *stretch)));
        known.filter(move |(rule, _)| rule.may_be_in_force(between))
    }

    fn closed_ahead(&self, now: Now) -> impl Iterator<Item = (RuleClass, Stretch)> {
        let ahead = self.in_force(&self.ruled.stretches, self.along_m, now);
        ahead.filter_map(|(rule, stretch)| Some((class_of(rule)?, stretch)))
    }

    /// The nearest that the vehicle can stand, in metres along the path.
    pub(super) fn reach_m(&self, state: VehicleState) -> f64 {
        self.along_m + state.speed_mps * state.speed_mps / (2.0 * DECELERATION_MPS2)
    }

    /// Where the vehicle stands before the next closed stretch on its way to a place, in metres along the path; `None`:
    /// nothing is closed until there.
    pub(super) fn open_until_m(&self, target_m: f64, state: VehicleState, now: Now) -> Option<f64> {
        let reach_m = self.reach_m(state);
        let begins = self.closed_ahead(now).map(|(_, stretch)| stretch.begin_m);
        let before_m =
            begins.filter(|begin_m| *begin_m > reach_m && *begin_m <= target_m).reduce(f64::min)? - STANDOFF_M;
        // A place that it reaches by braking now may lie a little behind what it needs.
        let place_m = self.plan.as_ref()?.path.standing_place_between(reach_m - STANDOFF_M, before_m);
        Some(place_m.unwrap_or(before_m))
    }

    /// Whether a rule holds the vehicle here: it stands before a closed stretch on its way, or is inside one in which all
    /// must stand.
    pub(super) fn stands_for_closed_road(&self, state: VehicleState, now: Now) -> bool {
        let Some(target_m) = self.target_m() else { return false };
        let reach_m = self.reach_m(state);
        let inside = |(class, stretch): (RuleClass, Stretch)| class == RuleClass::Stop && stretch.begin_m <= reach_m;
        let is_at_end = || {
            let end_m = self.open_until_m(target_m, state, now);
            end_m.is_some_and(|end_m| state.stands() && self.along_m >= end_m - ARRIVAL_M)
        };
        self.closed_ahead(now).any(inside) || is_at_end()
    }

    /// Whether the rest of a path may be driven as far as the rules go.
    pub(super) fn open(&self, path: &Path, from_m: f64, now: Now) -> Result<(), No> {
        let Some(kept) = &self.memory.rules else { return Ok(()) };
        let stretches = stretches(&kept.rules.rules, path);
        // Who is inside leaves, except where all must stand.
        let is_closed = |(rule, stretch): &(&SiteRule, Stretch)| {
            class_of(rule).is_some_and(|class| stretch.begin_m > from_m || class == RuleClass::Stop)
        };
        let closed = self.in_force(&stretches, from_m, now).find(is_closed).map(|(rule, _)| rule.id);
        closed.map_or(Ok(()), |rule| Err(No(ROAD_CLOSED, format!("the way leads through {rule}"))))
    }

    /// Another way was taken: who stood before a closed road goes on by it.
    pub(super) fn led_around(&mut self) {
        if self.memory.trip.as_ref().is_some_and(|trip| trip.latch_reason == ROAD_CLOSED) {
            self.latch_trip(Latch::Free, "");
        }
    }

    /// Nobody finds another way for a vehicle that stands before a closed road: it asks for a person.
    pub(super) fn report_waiting(&mut self, state: VehicleState, now: Now) {
        let latched = self.memory.trip.as_ref().is_some_and(|trip| trip.latch_reason == ROAD_CLOSED);
        if !latched || !state.stands() || self.is_ending() || !self.session.is_welcome() {
            (self.ruled.waits_since_ms, self.ruled.asked) = (None, self.ruled.asked && latched);
            return;
        }
        let since_ms = *self.ruled.waits_since_ms.get_or_insert(now.ms);
        if !self.ruled.asked && now.ms - since_ms >= ASSIST_AFTER_MS {
            self.ruled.asked = true;
            self.ask_for_person(ROAD_CLOSED, state, now);
        }
    }
}
