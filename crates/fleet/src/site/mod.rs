//! A site: an operating place with one road graph, and what may not be driven there now.

mod polygon;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use kernel::decided::Aggregate;
use kernel::id::RestrictionId;
use kernel::{Code, Coordinate, Decided, EventMeta, FieldError, Reject, SiteId, Timestamp};
use policy::PolicyAnswer;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most zones, closures and speed limits of one site that are in force or will be.
pub const RESTRICTIONS_MAX: usize = 500;
/// The most corners of a polygon.
pub const CORNERS_MAX: usize = 500;
/// The most corners of all polygons of one site together: a vehicle is told all of them in one message.
pub const CORNERS_OF_SITE_MAX: usize = 25_000;
/// The least and the greatest speed limit, in metres per second: below walking pace it is a closure.
pub const SPEED_LIMIT_MPS: (f64, f64) = (0.5, 60.0);
/// The longest reason, in characters: a paragraph for a person.
pub const REASON_CHARS_MAX: usize = 500;

kernel::domain_events! {
    /// What happens to a site.
    pub enum SiteEvent {
        "site.map_imported" 1 => MapImported(SiteMapImported),
        "site.zone_drawn" 1 => ZoneDrawn(SiteZoneDrawn),
        "site.roads_closed" 1 => RoadsClosed(SiteRoadsClosed),
        "site.speed_limited" 1 => SpeedLimited(SiteSpeedLimited),
        "site.restriction_lifted" 1 => RestrictionLifted(SiteRestrictionLifted),
        "site.restriction_began" 1 => RestrictionBegan(SiteRestrictionBegan),
        "site.restriction_ended" 1 => RestrictionEnded(SiteRestrictionEnded),
    }
}

/// A new version of the map is in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SiteMapImported {
    /// Counts the versions, from 1.
    pub version: u64,
    /// SHA-256 of the road graph.
    pub digest: String,
    pub nodes: u64,
    pub edges: u64,
}

/// A kind of zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ZoneKind {
    Avoided,
    /// Blasting: nobody inside.
    Blast,
    /// For one vehicle at a time.
    Exclusive,
}

/// An area is not to be driven through.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SiteZoneDrawn {
    pub restriction: RestrictionId,
    pub name: String,
    pub kind: ZoneKind,
    pub polygon: Vec<Coordinate>,
    pub owner: String,
    /// What it asks of those inside; those that were drawn before zones had one: they leave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<ClosureClass>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Since when; `None`: since it was drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Until when, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// What a closure or zone asks of those inside (SAFE-9). Nobody enters, whatever the class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "RuleClass")]
pub enum ClosureClass {
    #[default]
    NoEntry,
    Stop,
    Evacuate,
}

/// Roads are closed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SiteRoadsClosed {
    pub restriction: RestrictionId,
    /// What it asks of those inside.
    pub class: ClosureClass,
    /// The corners of the area whose roads are closed.
    pub polygon: Vec<Coordinate>,
    pub owner: String,
    pub reason: String,
    pub from: Timestamp,
    /// Until when, if that is known.
    pub until: Option<Timestamp>,
}

/// A lower speed holds on the roads of an area.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SiteSpeedLimited {
    pub restriction: RestrictionId,
    /// In metres per second.
    pub max_speed_mps: f64,
    /// What the place is, such as `haul-road`: the limit of a sector in force for such places holds there too, if it is lower.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    pub polygon: Vec<Coordinate>,
    pub owner: String,
    pub reason: String,
    pub from: Timestamp,
    /// Until when, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// A zone, closure or speed limit is gone. Nothing moves by it (SAFE-13).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SiteRestrictionLifted {
    pub restriction: RestrictionId,
}

/// A zone, closure or speed limit that was announced is in force now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SiteRestrictionBegan {
    pub restriction: RestrictionId,
}

/// A zone, closure or speed limit is over, as was known before. Nothing moves by it (SAFE-13).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SiteRestrictionEnded {
    pub restriction: RestrictionId,
}

/// A road graph that is kept and may become a site's map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMap {
    pub digest: String,
    pub nodes: u64,
    pub edges: u64,
}

/// The map in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Map")]
pub struct MapVersion {
    /// Counts the versions, from 1.
    pub version: u64,
    /// SHA-256 of the road graph.
    pub digest: String,
    pub nodes: u64,
    pub edges: u64,
}

/// A zone, a closure or a speed limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Restriction {
    Zone {
        name: String,
        kind: ZoneKind,
        polygon: Vec<Coordinate>,
        owner: String,
        /// What it asks of those inside; `None`: they leave.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        class: Option<ClosureClass>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// Since when; `None`: since it was drawn.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Timestamp>,
        /// Until when, if that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    Closure {
        /// What it asks of those inside.
        class: ClosureClass,
        /// The corners of the area whose roads are closed.
        polygon: Vec<Coordinate>,
        owner: String,
        reason: String,
        from: Timestamp,
        /// Until when, if that is known.
        until: Option<Timestamp>,
    },
    SpeedLimit {
        /// In metres per second.
        max_speed_mps: f64,
        /// What the place is, such as `haul-road`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        place: Option<String>,
        polygon: Vec<Coordinate>,
        owner: String,
        reason: String,
        from: Timestamp,
        /// Until when, if that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
}

impl Restriction {
    /// Whether it is in force at a time.
    pub fn in_force(&self, now: Timestamp) -> bool {
        !self.is_announced(now) && !self.is_over(now)
    }

    /// Whether its time has not come.
    pub fn is_announced(&self, now: Timestamp) -> bool {
        self.from().is_some_and(|from| now < from)
    }

    /// Whether it will never be in force again.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.until().is_some_and(|until| until <= now)
    }

    /// Since when; `None`: since it was made.
    pub fn from(&self) -> Option<Timestamp> {
        match self {
            Restriction::Zone { from, .. } => *from,
            Restriction::Closure { from, .. } | Restriction::SpeedLimit { from, .. } => Some(*from),
        }
    }

    /// Until when, if that is known.
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Restriction::Zone { until, .. }
            | Restriction::Closure { until, .. }
            | Restriction::SpeedLimit { until, .. } => *until,
        }
    }

    /// What a zone or closure asks of those inside; `None` of a speed limit, where everybody may drive.
    pub fn class(&self) -> Option<ClosureClass> {
        match self {
            Restriction::Zone { class, .. } => Some(class.unwrap_or_default()),
            Restriction::Closure { class, .. } => Some(*class),
            Restriction::SpeedLimit { .. } => None,
        }
    }

    /// The highest speed in a speed limit's area, in metres per second: its own, or what the sector allows in such places
    /// where that is lower.
    pub fn max_speed_mps(&self, of_places: &BTreeMap<String, f64>) -> Option<f64> {
        let Restriction::SpeedLimit { max_speed_mps, place, .. } = self else { return None };
        let of_sector = place.as_ref().and_then(|place| of_places.get(place).copied());
        Some(of_sector.map_or(*max_speed_mps, |limit_mps| limit_mps.min(*max_speed_mps)))
    }

    pub fn polygon(&self) -> &[Coordinate] {
        match self {
            Restriction::Zone { polygon, .. }
            | Restriction::Closure { polygon, .. }
            | Restriction::SpeedLimit { polygon, .. } => polygon,
        }
    }
}

/// A site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Site {
    pub map: MapVersion,
    pub restrictions: BTreeMap<String, Restriction>,
    /// Those whose time has not come.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub announced: BTreeSet<String>,
}

impl Site {
    /// Whether the speed is limited in an area: only then what the sector allows in such places matters.
    pub fn has_speed_limits(&self) -> bool {
        self.restrictions.values().any(|restriction| matches!(restriction, Restriction::SpeedLimit { .. }))
    }
}

impl Aggregate for Site {
    type Id = SiteId;
    type Event = SiteEvent;
    const KIND: &'static str = "site";
    const FOLD_VERSION: u32 = 1;

    fn evolve(state: Option<Self>, event: &SiteEvent, meta: &EventMeta) -> Option<Self> {
        if let SiteEvent::MapImported(imported) = event {
            let map = MapVersion {
                version: imported.version,
                digest: imported.digest.clone(),
                nodes: imported.nodes,
                edges: imported.edges,
            };
            let (restrictions, announced) = state.map(|site| (site.restrictions, site.announced)).unwrap_or_default();
            return Some(Self { map, restrictions, announced });
        }
        let mut site = state?;
        match event {
            SiteEvent::MapImported(_) => {}
            SiteEvent::ZoneDrawn(drawn) => {
                let zone = Restriction::Zone {
                    name: drawn.name.clone(),
                    kind: drawn.kind,
                    polygon: drawn.polygon.clone(),
                    owner: drawn.owner.clone(),
                    class: drawn.class,
                    reason: drawn.reason.clone(),
                    from: drawn.from,
                    until: drawn.until,
                };
                site.restrict(drawn.restriction, zone, meta.recorded_at);
            }
            SiteEvent::RoadsClosed(closed) => {
                let closure = Restriction::Closure {
                    class: closed.class,
                    polygon: closed.polygon.clone(),
                    owner: closed.owner.clone(),
                    reason: closed.reason.clone(),
                    from: closed.from,
                    until: closed.until,
                };
                site.restrict(closed.restriction, closure, meta.recorded_at);
            }
            SiteEvent::SpeedLimited(limited) => {
                let limit = Restriction::SpeedLimit {
                    max_speed_mps: limited.max_speed_mps,
                    place: limited.place.clone(),
                    polygon: limited.polygon.clone(),
                    owner: limited.owner.clone(),
                    reason: limited.reason.clone(),
                    from: limited.from,
                    until: limited.until,
                };
                site.restrict(limited.restriction, limit, meta.recorded_at);
            }
            SiteEvent::RestrictionLifted(lifted) => site.forget(lifted.restriction),
            SiteEvent::RestrictionEnded(ended) => site.forget(ended.restriction),
            SiteEvent::RestrictionBegan(began) => {
                site.announced.remove(&began.restriction.to_string());
            }
        }
        Some(site)
    }

    fn due_at(&self) -> Option<Timestamp> {
        let begins = self.announced.iter().filter_map(|id| self.restrictions.get(id)?.from());
        begins.chain(self.restrictions.values().filter_map(Restriction::until)).min()
    }
}

impl Site {
    /// Adds a zone, closure or speed limit, and forgets those that are over: a site closes roads every day for years.
    fn restrict(&mut self, id: RestrictionId, restriction: Restriction, now: Timestamp) {
        self.restrictions.retain(|_, other| !other.is_over(now));
        self.announced.retain(|other| self.restrictions.contains_key(other));
        if restriction.is_announced(now) {
            self.announced.insert(id.to_string());
        }
        self.restrictions.insert(id.to_string(), restriction);
    }

    fn forget(&mut self, id: RestrictionId) {
        self.restrictions.remove(&id.to_string());
        self.announced.remove(&id.to_string());
    }
}

/// Puts a new version of the map in force. The same map again changes nothing.
pub fn import(state: Option<&Site>, map: &Result<NewMap, Reject>) -> Decided<SiteEvent, u64> {
    let NewMap { digest, nodes, edges } = match map {
        Ok(map) => map.clone(),
        Err(refusal) => return Decided::reject(refusal.clone()),
    };
    if let Some(site) = state.filter(|site| site.map.digest == digest) {
        return Decided::unchanged(site.map.version);
    }
    let version = state.map_or(1, |site| site.map.version + 1);
    Decided::accept([SiteMapImported { version, digest, nodes, edges }.into()], version)
}

/// What time brings: what was announced begins, what is over ends.
pub fn due(state: Option<&Site>, now: Timestamp) -> Decided<SiteEvent, ()> {
    let Some(site) = state else { return Decided::unchanged(()) };
    let event = |(id, restriction): (&String, &Restriction)| -> Option<SiteEvent> {
        let begins = site.announced.contains(id) && restriction.in_force(now);
        let id = id.parse().ok()?;
        match restriction.is_over(now) {
            true => Some(SiteRestrictionEnded { restriction: id }.into()),
            false => begins.then(|| SiteRestrictionBegan { restriction: id }.into()),
        }
    };
    Decided::accept(site.restrictions.iter().filter_map(event).collect::<Vec<_>>(), ())
}

fn check_room(state: Option<&Site>, site: &SiteId, polygon: &[Coordinate], now: Timestamp) -> Result<(), Reject> {
    let Some(found) = state else {
        return Err(Reject::new(Code::NotFound, format!("there is no site {site}: import its map first")));
    };
    let kept = || found.restrictions.values().filter(|restriction| !restriction.is_over(now));
    if kept().count() >= RESTRICTIONS_MAX {
        return Err(Reject::new(Code::Conflict, "this site has 500 zones, closures and speed limits: lift some first"));
    }
    if kept().map(|other| other.polygon().len()).sum::<usize>() + polygon.len() > CORNERS_OF_SITE_MAX {
        let message = "the zones, closures and speed limits of this site have 25000 corners together: lift some first";
        return Err(Reject::new(Code::Conflict, message));
    }
    Ok(())
}

fn check_fields(polygon: &[Coordinate], reason: &str, from: Timestamp, until: Option<Timestamp>) -> Result<(), Reject> {
    let is_long = reason.chars().count() > REASON_CHARS_MAX;
    let ends_first = until.is_some_and(|until| until <= from);
    let wrong = [
        ("/polygon", polygon::problem(polygon)),
        ("/reason", is_long.then_some("must have at most 500 characters")),
        ("/until", ends_first.then_some("must be later than from")),
    ];
    let field =
        |(field, message): (&str, Option<&str>)| Some(FieldError { field: field.into(), message: message?.into() });
    let fields: Vec<FieldError> = wrong.into_iter().filter_map(field).collect();
    if fields.is_empty() { Ok(()) } else { Err(Reject::invalid(fields)) }
}

pub fn draw_zone(
    state: Option<&Site>,
    site: &SiteId,
    drawn: SiteZoneDrawn,
    now: Timestamp,
) -> Decided<SiteEvent, RestrictionId> {
    let id = drawn.restriction;
    let reason = drawn.reason.as_deref().unwrap_or_default();
    let checked = check_fields(&drawn.polygon, reason, drawn.from.unwrap_or(now), drawn.until)
        .and_then(|()| check_room(state, site, &drawn.polygon, now));
    match checked {
        Err(reject) => Decided::reject(reject),
        Ok(()) => Decided::accept([drawn.into()], id),
    }
}

/// Closes roads. Only takes away, so nobody is asked (SAFE-1).
pub fn close_roads(
    state: Option<&Site>,
    site: &SiteId,
    closed: SiteRoadsClosed,
    now: Timestamp,
) -> Decided<SiteEvent, RestrictionId> {
    let id = closed.restriction;
    let checked = check_fields(&closed.polygon, &closed.reason, closed.from, closed.until)
        .and_then(|()| check_room(state, site, &closed.polygon, now));
    match checked {
        Err(reject) => Decided::reject(reject),
        Ok(()) => Decided::accept([closed.into()], id),
    }
}

/// Limits the speed in an area. Only takes away, so nobody is asked (SAFE-1).
pub fn limit_speed(
    state: Option<&Site>,
    site: &SiteId,
    limited: SiteSpeedLimited,
    now: Timestamp,
) -> Decided<SiteEvent, RestrictionId> {
    let id = limited.restriction;
    let is_speed = (SPEED_LIMIT_MPS.0..=SPEED_LIMIT_MPS.1).contains(&limited.max_speed_mps);
    let checked = check_fields(&limited.polygon, &limited.reason, limited.from, limited.until)
        .and_then(|()| match is_speed {
            true => Ok(()),
            false => Err(Reject::invalid_field("/max_speed_mps", "must be from 0.5 to 60 m/s; close roads instead")),
        })
        .and_then(|()| check_room(state, site, &limited.polygon, now));
    match checked {
        Err(reject) => Decided::reject(reject),
        Ok(()) => Decided::accept([limited.into()], id),
    }
}

/// Lifts a zone, closure or speed limit; policy is asked.
pub fn lift(
    state: Option<&Site>,
    site: &SiteId,
    restriction: RestrictionId,
    asked: &PolicyAnswer,
) -> Decided<SiteEvent, ()> {
    let known = state.is_some_and(|site| site.restrictions.contains_key(&restriction.to_string()));
    if !known {
        return Decided::reject(Reject::new(
            Code::NotFound,
            format!("site {site} has no zone, closure or speed limit {restriction}"),
        ));
    }
    if let Some(refusal) = &asked.refusal {
        return Decided::reject(refusal.clone());
    }
    Decided::accept([SiteRestrictionLifted { restriction }.into()], ())
}
