//! A place of a site that work refers to by name: a load face, a dump, a gate, a block, a pick-up place.

use std::collections::BTreeSet;

use kernel::{Aggregate, Code, Coordinate, Decided, EventMeta, FieldError, Reject, SiteId, Subject, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

kernel::typed_id!(
    /// A place of a site.
    PlaceId, "place"
);

/// The largest radius of a place, in metres: a block of a terminal, and no town.
pub const RADIUS_M_MAX: f64 = 2_000.0;
/// The largest bucket, in kilograms: the largest rope shovels that there are.
pub const BUCKET_KG_MAX: f64 = 200_000.0;

/// What a place is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema, strum::IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum PlaceKind {
    LoadFace,
    Dump,
    Gate,
    /// Where containers stand.
    Block,
    PickUpPlace,
    Waypoint,
}

/// What loads trucks at a load face.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Loader {
    /// What one pass moves, in kilograms.
    #[schemars(range(min = 1, max = BUCKET_KG_MAX))]
    pub bucket_kg: f64,
    /// Passes for one truck, at most.
    #[schemars(range(min = 1, max = 50))]
    pub passes_max: u32,
}

/// What somebody says of a place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NewPlace {
    pub site: SiteId,
    pub name: String,
    pub kind: PlaceKind,
    pub at: Coordinate,
    pub radius_m: f64,
    pub loader: Option<Loader>,
    /// Whether people with a wheelchair can board here.
    #[serde(default)]
    pub wheelchair: bool,
    /// Classes of dangerous goods that are not set down here.
    #[serde(default)]
    pub hazards_refused: BTreeSet<String>,
}

kernel::domain_events! {
    /// What can happen to a place.
    pub enum PlaceEvent {
        "place.named" 1 => Named(PlaceNamed),
        "place.given_up" 1 => GivenUp(PlaceGivenUp),
    }
}

/// Somebody says that a place is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlaceNamed {
    pub place: NewPlace,
    pub by: String,
}

/// It is used no more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlaceGivenUp {
    pub by: String,
}

/// A place of a site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    #[serde(flatten)]
    pub of: NewPlace,
    pub named_by: String,
    pub named_at: Timestamp,
    pub given_up_at: Option<Timestamp>,
}

impl Place {
    pub fn is_used(&self) -> bool {
        self.given_up_at.is_none()
    }

    pub fn holds(&self, at: Coordinate) -> bool {
        self.of.at.distance_m(at) <= self.of.radius_m
    }
}

impl Aggregate for Place {
    type Id = PlaceId;
    type Event = PlaceEvent;
    const KIND: &'static str = "place";
    const FOLD_VERSION: u32 = 1;
    const INDEXES: &'static [&'static str] = &["used_at"];

    fn evolve(state: Option<Self>, event: &PlaceEvent, meta: &EventMeta) -> Option<Self> {
        match event {
            PlaceEvent::Named(named) => Some(Self {
                of: named.place.clone(),
                named_by: named.by.clone(),
                named_at: meta.recorded_at,
                given_up_at: None,
            }),
            PlaceEvent::GivenUp(_) => state.map(|place| Self { given_up_at: Some(meta.recorded_at), ..place }),
        }
    }

    fn index_values(&self) -> Vec<String> {
        vec![if self.is_used() { self.of.site.to_string() } else { String::new() }]
    }

    fn about(event: &PlaceEvent, state: Option<&Self>) -> Vec<Subject> {
        let site = match event {
            PlaceEvent::Named(named) => Some(&named.place.site),
            PlaceEvent::GivenUp(_) => state.map(|place| &place.of.site),
        };
        site.map(|site| Subject::new("site", site)).into_iter().collect()
    }
}

/// Names a place.
pub fn name(state: Option<&Place>, place: &NewPlace, by: &str) -> Decided<PlaceEvent, ()> {
    if state.is_some() {
        return Decided::unchanged(());
    }
    let is_loader = place.loader.is_none() || place.kind == PlaceKind::LoadFace;
    let is_bucket = place.loader.is_none_or(|loader| loader.bucket_kg >= 1.0 && loader.bucket_kg <= BUCKET_KG_MAX);
    let unknown = place.hazards_refused.iter().find(|class| !crate::hazards::is_known(class));
    let wrong = [
        (!(1.0..=RADIUS_M_MAX).contains(&place.radius_m)).then_some(("/radius_m", "must be 1 to 2000")),
        (!is_loader).then_some(("/loader", "stands at a load face only")),
        (!is_bucket).then_some(("/loader/bucket_kg", "must be 1 to 200000")),
        unknown.map(|_| ("/hazards_refused", "must be classes of dangerous goods: 1, 2.1, 2.2, … 9")),
    ];
    let fields =
        wrong.into_iter().flatten().map(|(field, text)| FieldError { field: field.into(), message: text.into() });
    let fields: Vec<FieldError> = fields.collect();
    if !fields.is_empty() {
        return Decided::reject(Reject::invalid(fields));
    }
    Decided::accept([PlaceNamed { place: place.clone(), by: by.into() }.into()], ())
}

/// Gives a place up.
pub fn give_up(state: Option<&Place>, by: &str) -> Decided<PlaceEvent, ()> {
    match state {
        None => Decided::reject(Reject::new(Code::NotFound, "there is no such place")),
        Some(place) if !place.is_used() => Decided::unchanged(()),
        Some(_) => Decided::accept([PlaceGivenUp { by: by.into() }.into()], ()),
    }
}

#[cfg(test)]
mod tests {
    use kernel::testing::{accepts, check, refuses, unchanged};

    use super::*;

    fn face() -> NewPlace {
        NewPlace {
            site: "pit".parse().unwrap(),
            name: "face 3".into(),
            kind: PlaceKind::LoadFace,
            at: Coordinate::new(1.0, 2.0).unwrap(),
            radius_m: 40.0,
            loader: Some(Loader { bucket_kg: 45_000.0, passes_max: 5 }),
            wheelchair: false,
            hazards_refused: BTreeSet::new(),
        }
    }

    #[test]
    fn a_place_is_named_and_given_up_once() {
        let named: PlaceEvent = PlaceNamed { place: face(), by: "ana".into() }.into();
        let gone: PlaceEvent = PlaceGivenUp { by: "ana".into() }.into();
        check([], |state| name(state, &face(), "ana"), accepts([named.clone()], ()));
        check([named.clone()], |state| name(state, &face(), "ana"), unchanged(()));
        let after = check([named.clone()], |state| give_up(state, "ana"), accepts([gone.clone()], ())).unwrap();
        assert!(!after.is_used() && after.index_values() == [""]);
        check([named, gone], |state| give_up(state, "ana"), unchanged(()));
        check([], |state| give_up(state, "ana"), refuses(Code::NotFound));
    }

    #[test]
    fn what_cannot_be_is_named() {
        for wrong in [
            NewPlace { radius_m: 0.0, ..face() },
            NewPlace { radius_m: f64::NAN, ..face() },
            NewPlace { kind: PlaceKind::Dump, ..face() },
            NewPlace { loader: Some(Loader { bucket_kg: 0.0, passes_max: 5 }), ..face() },
            NewPlace { hazards_refused: ["12".to_owned()].into(), ..face() },
        ] {
            check([], |state| name(state, &wrong, "ana"), refuses(Code::InvalidRequest));
        }
    }
}
