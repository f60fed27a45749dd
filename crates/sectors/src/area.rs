//! A service area: where, when and for whom a fleet of ride-hail works.

use std::collections::BTreeSet;

use kernel::{Aggregate, Code, Coordinate, Decided, EventMeta, Reject, SiteId, Subject, Timestamp, polygon};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::outline;

kernel::typed_id!(
    /// A service area.
    ServiceAreaId, "area"
);

const DAY_MIN: i64 = 24 * 60;
/// The farthest that a clock is from UTC, in minutes: 14 hours, at Kiritimati.
pub const OFFSET_MIN_MAX: i64 = 14 * 60;
/// The most lines of hours.
pub const HOURS_MAX: usize = 50;

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

/// The days in the order of days since 1970, which began on a Thursday.
const DAYS: [Day; 7] = [Day::Thu, Day::Fri, Day::Sat, Day::Sun, Day::Mon, Day::Tue, Day::Wed];

/// Hours of some days, by the area's own clock. What ends before it begins goes on over midnight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    #[schemars(length(min = 1))]
    pub days: BTreeSet<Day>,
    /// Such as `06:00`.
    #[schemars(regex(pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$"))]
    pub from: String,
    /// Such as `23:30`, or `24:00`.
    #[schemars(regex(pattern = "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"))]
    pub to: String,
}

/// Minutes since midnight.
fn minutes(text: &str) -> Option<i64> {
    let (hours, rest) = text.split_once(':')?;
    let is_shaped = hours.len() == 2 && rest.len() == 2;
    let (hours, rest): (i64, i64) = (hours.parse().ok()?, rest.parse().ok()?);
    let total = hours * 60 + rest;
    (is_shaped && (0..60).contains(&rest) && (0..=DAY_MIN).contains(&total)).then_some(total)
}

impl Hours {
    fn hold(&self, day: usize, minute: i64) -> bool {
        let (Some(from), Some(to)) = (minutes(&self.from), minutes(&self.to)) else { return false };
        let is_on = |day: usize| DAYS.get(day % DAYS.len()).is_some_and(|day| self.days.contains(day));
        match from < to {
            true => is_on(day) && (from..to).contains(&minute),
            false => is_on(day) && minute >= from || is_on(day + DAYS.len() - 1) && minute < to,
        }
    }
}

/// What somebody draws.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewServiceArea {
    pub site: SiteId,
    pub name: String,
    pub area: Vec<Coordinate>,
    pub hours: Vec<Hours>,
    /// What its clock is ahead of UTC, in minutes.
    pub utc_offset_min: i64,
    /// Whether vehicles for people with a wheelchair serve it.
    pub wheelchair: bool,
}

kernel::domain_events! {
    /// What can happen to a service area.
    pub enum ServiceAreaEvent {
        "service_area.drawn" 1 => Drawn(ServiceAreaDrawn),
        "service_area.given_up" 1 => GivenUp(ServiceAreaGivenUp),
    }
}

/// An area is served.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceAreaDrawn {
    pub area: NewServiceArea,
    pub by: String,
}

/// It is served no more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceAreaGivenUp {
    pub by: String,
}

/// A service area.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceArea {
    #[serde(flatten)]
    pub of: NewServiceArea,
    pub drawn_by: String,
    pub drawn_at: Timestamp,
    pub given_up_at: Option<Timestamp>,
}

impl ServiceArea {
    pub fn is_served(&self) -> bool {
        self.given_up_at.is_none()
    }

    /// Whether it is open at a time.
    pub fn is_open(&self, at: Timestamp) -> bool {
        let minute = at.as_ms().div_euclid(60_000) + self.of.utc_offset_min;
        let day = usize::try_from(minute.div_euclid(DAY_MIN).rem_euclid(7)).unwrap_or(0);
        self.is_served() && self.of.hours.iter().any(|hours| hours.hold(day, minute.rem_euclid(DAY_MIN)))
    }

    /// Whether all stops lie in it.
    pub fn holds(&self, stops: &[Coordinate]) -> bool {
        stops.iter().all(|stop| polygon::contains(&self.of.area, *stop))
    }
}

impl Aggregate for ServiceArea {
    type Id = ServiceAreaId;
    type Event = ServiceAreaEvent;
    const KIND: &'static str = "service_area";
    const FOLD_VERSION: u32 = 1;
    const INDEXES: &'static [&'static str] = &["served_at"];

    fn evolve(state: Option<Self>, event: &ServiceAreaEvent, meta: &EventMeta) -> Option<Self> {
        match event {
            ServiceAreaEvent::Drawn(drawn) => Some(Self {
                of: drawn.area.clone(),
                drawn_by: drawn.by.clone(),
                drawn_at: meta.recorded_at,
                given_up_at: None,
            }),
            ServiceAreaEvent::GivenUp(_) => state.map(|area| Self { given_up_at: Some(meta.recorded_at), ..area }),
        }
    }

    fn index_values(&self) -> Vec<String> {
        vec![if self.is_served() { self.of.site.to_string() } else { String::new() }]
    }

    fn about(event: &ServiceAreaEvent, state: Option<&Self>) -> Vec<Subject> {
        let site = match event {
            ServiceAreaEvent::Drawn(drawn) => Some(&drawn.area.site),
            ServiceAreaEvent::GivenUp(_) => state.map(|area| &area.of.site),
        };
        site.map(|site| Subject::new("site", site)).into_iter().collect()
    }
}

fn check(area: &NewServiceArea) -> Result<(), Reject> {
    outline::check(&area.area)?;
    if !(1..=HOURS_MAX).contains(&area.hours.len()) {
        return Err(Reject::invalid_field("/hours", "must be 1 to 50 lines"));
    }
    for (place, hours) in area.hours.iter().enumerate() {
        if hours.days.is_empty() {
            return Err(Reject::invalid_field(format!("/hours/{place}/days"), "must name a day"));
        }
        if minutes(&hours.from).is_none_or(|from| from == DAY_MIN) {
            return Err(Reject::invalid_field(format!("/hours/{place}/from"), "must be a time such as 06:00"));
        }
        if minutes(&hours.to).is_none() || hours.from == hours.to {
            return Err(Reject::invalid_field(format!("/hours/{place}/to"), "must be another time, such as 23:30"));
        }
    }
    if area.utc_offset_min.abs() > OFFSET_MIN_MAX {
        return Err(Reject::invalid_field("/utc_offset_min", "must be -840 to 840"));
    }
    Ok(())
}

/// Draws an area.
pub fn draw(state: Option<&ServiceArea>, area: &NewServiceArea, by: &str) -> Decided<ServiceAreaEvent, ()> {
    match (state, check(area)) {
        (Some(_), _) => Decided::unchanged(()),
        (None, Err(reject)) => Decided::reject(reject),
        (None, Ok(())) => Decided::accept([ServiceAreaDrawn { area: area.clone(), by: by.into() }.into()], ()),
    }
}

/// Gives an area up.
pub fn give_up(state: Option<&ServiceArea>, by: &str) -> Decided<ServiceAreaEvent, ()> {
    match state {
        None => Decided::reject(Reject::new(Code::NotFound, "there is no such service area")),
        Some(area) if !area.is_served() => Decided::unchanged(()),
        Some(_) => Decided::accept([ServiceAreaGivenUp { by: by.into() }.into()], ()),
    }
}

#[cfg(test)]
mod tests {
    use kernel::testing::{accepts, check as rows, refuses, unchanged};

    use super::*;

    fn hours(days: &[Day], from: &str, to: &str) -> Hours {
        Hours { days: days.iter().copied().collect(), from: from.into(), to: to.into() }
    }

    fn city(hours: Hours) -> NewServiceArea {
        let corner = |lat, lon| Coordinate::new(lat, lon).unwrap();
        NewServiceArea {
            site: "city".parse().unwrap(),
            name: "centre".into(),
            area: vec![corner(0.0, 0.0), corner(0.0, 1.0), corner(1.0, 1.0), corner(1.0, 0.0)],
            hours: vec![hours],
            utc_offset_min: 0,
            wheelchair: true,
        }
    }

    fn served(area: NewServiceArea) -> ServiceArea {
        ServiceArea { of: area, drawn_by: "ana".into(), drawn_at: Timestamp::from_ms(0), given_up_at: None }
    }

    /// 2026-11-30 is a Monday.
    fn at(hour: i64, minute: i64) -> Timestamp {
        Timestamp::from_ms(1_795_996_800_000 + (hour * 60 + minute) * 60_000)
    }

    #[test]
    fn it_is_open_within_its_hours_by_its_own_clock() {
        let days = served(city(hours(&[Day::Mon], "06:00", "23:30")));
        assert!(!days.is_open(at(5, 59)) && days.is_open(at(6, 0)) && !days.is_open(at(23, 30)));
        assert!(!days.is_open(at(30, 0)), "on Tuesday");
        let nights = served(city(hours(&[Day::Mon], "22:00", "04:00")));
        assert!(!nights.is_open(at(3, 0)) && nights.is_open(at(22, 0)) && nights.is_open(at(27, 59)));
        assert!(!nights.is_open(at(28, 0)));
        let west = served(NewServiceArea { utc_offset_min: -480, ..city(hours(&[Day::Mon], "06:00", "24:00")) });
        assert!(!west.is_open(at(13, 59)) && west.is_open(at(14, 0)) && west.is_open(at(31, 59)));
        assert!(!ServiceArea { given_up_at: Some(at(0, 0)), ..days }.is_open(at(6, 0)));
    }

    #[test]
    fn what_cannot_be_is_named_and_giving_up_is_repeated() {
        let good = city(hours(&[Day::Mon], "06:00", "23:30"));
        for wrong in [
            NewServiceArea { hours: Vec::new(), ..good.clone() },
            NewServiceArea { hours: vec![hours(&[], "06:00", "07:00")], ..good.clone() },
            NewServiceArea { hours: vec![hours(&[Day::Mon], "24:00", "07:00")], ..good.clone() },
            NewServiceArea { hours: vec![hours(&[Day::Mon], "06:00", "06:00")], ..good.clone() },
            NewServiceArea { hours: vec![hours(&[Day::Mon], "06:00", "24:30")], ..good.clone() },
            NewServiceArea { utc_offset_min: 900, ..good.clone() },
            NewServiceArea { area: Vec::new(), ..good.clone() },
        ] {
            rows([], |state| draw(state, &wrong, "ana"), refuses(Code::InvalidRequest));
        }
        let drawn: ServiceAreaEvent = ServiceAreaDrawn { area: good.clone(), by: "ana".into() }.into();
        let gone: ServiceAreaEvent = ServiceAreaGivenUp { by: "ana".into() }.into();
        rows([], |state| draw(state, &good, "ana"), accepts([drawn.clone()], ()));
        rows([drawn.clone()], |state| give_up(state, "ana"), accepts([gone.clone()], ()));
        rows([drawn, gone], |state| give_up(state, "ana"), unchanged(()));
        rows([], |state| give_up(state, "ana"), refuses(Code::NotFound));
    }
}
