//! Reading what a client asks for: every wrong field is named, in one answer, and nothing is changed (TRIP-1).

use std::collections::BTreeSet;

use kernel::{Coordinate, FieldError, Reject, SiteId, Timestamp, VehicleId};
use serde_json::{Map, Value};

use super::types::{Kind, Requirements, Stop, Window};
use crate::limits::{
    CAPABILITIES_MAX, PASSENGERS_MAX, PAYLOAD_KG_MAX, PRIORITY_MAX, SCHEDULE_AHEAD_MAX_MS, STOPS_BETWEEN_MAX, plain,
};

/// What a client asks for, well-formed.
#[derive(Debug, Clone, PartialEq)]
pub struct TripRequest {
    /// The site.
    pub site: SiteId,
    /// What it is for.
    pub kind: Kind,
    /// Origin first, destination last.
    pub stops: Vec<Stop>,
    /// What the vehicle must be able to do.
    pub requirements: Requirements,
    /// From 0 to 9; higher goes first.
    pub priority: u8,
    /// When it may begin.
    pub window: Window,
}

/// Two places closer than this, in metres, are one place: a trip between them is a mistake of the form.
const STOPS_APART_M: f64 = 1.0;

/// Collects what is wrong while reading on.
#[derive(Default)]
struct Findings(Vec<FieldError>);

impl Findings {
    fn add(&mut self, field: &str, message: impl Into<String>) {
        self.0.push(FieldError { field: field.into(), message: message.into() });
    }

    fn take<T>(&mut self, field: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|message| self.add(field, message)).ok()
    }

    fn unknown_fields(&mut self, at: &str, object: &Map<String, Value>, known: &[&str]) {
        for name in object.keys().filter(|name| !known.contains(&name.as_str())).take(20) {
            let name: String = name.chars().take(60).collect();
            let escaped = name.replace('~', "~0").replace('/', "~1");
            self.add(&format!("{at}/{escaped}"), format!("is not a field; the fields are {}", known.join(", ")));
        }
    }
}

impl TripRequest {
    /// Reads a request.
    ///
    /// # Errors
    /// `INVALID_REQUEST` with one entry per wrong field, each with its JSON pointer (RFC 6901).
    pub fn parse(body: &Value, now: Timestamp) -> Result<Self, Reject> {
        let mut wrong = Findings::default();
        let Some(object) = body.as_object() else {
            return Err(Reject::invalid_field("", "expected a JSON object"));
        };
        let known = ["site", "kind", "origin", "destination", "requirements", "priority", "stops", "window"];
        wrong.unknown_fields("", object, &known);
        let site = wrong.take("/site", site(object.get("site")));
        let kind = wrong.take("/kind", kind(object.get("kind")));
        let origin = coordinate(&mut wrong, "/origin", object.get("origin"));
        let destination = coordinate(&mut wrong, "/destination", object.get("destination"));
        let between = stops_between(&mut wrong, object.get("stops"));
        let places: Vec<Stop> = origin.into_iter().chain(between).chain(destination).map(|at| Stop { at }).collect();
        check_apart(&mut wrong, &places);
        let requirements = requirements(&mut wrong, object.get("requirements"));
        let range = format!("expected a whole number from 0 to {PRIORITY_MAX}");
        let priority = whole(object.get("priority"), u64::from(PRIORITY_MAX), &range);
        let priority = wrong.take("/priority", priority);
        let window = window(&mut wrong, object.get("window"), now);
        match (site, kind, priority) {
            (Some(site), Some(kind), Some(priority)) if wrong.0.is_empty() => Ok(Self {
                site,
                kind,
                stops: places,
                requirements,
                priority: u8::try_from(priority).unwrap_or(PRIORITY_MAX),
                window,
            }),
            _ => Err(Reject::invalid(wrong.0)),
        }
    }

    /// Reads what a route is asked for by: a trip without priority and window at a site, and perhaps a vehicle.
    ///
    /// # Errors
    /// As [`TripRequest::parse`].
    pub fn parse_route(body: &Value, site: &SiteId, now: Timestamp) -> Result<(Self, Option<VehicleId>), Reject> {
        let mut wrong = Findings::default();
        let mut trip = body.clone();
        let mut vehicle = None;
        if let Some(object) = trip.as_object_mut() {
            wrong.unknown_fields("", object, &["kind", "origin", "destination", "stops", "requirements", "vehicle"]);
            if let Some(value) = object.remove("vehicle").filter(|value| !value.is_null()) {
                let read = value.as_str().and_then(|text| text.parse().ok());
                vehicle = wrong.take("/vehicle", read.ok_or_else(|| "expected the id of a vehicle, veh_…".into()));
            }
            object.insert("site".into(), Value::String(site.to_string()));
        }
        match Self::parse(&trip, now) {
            Ok(request) if wrong.0.is_empty() => Ok((request, vehicle)),
            Ok(_) => Err(Reject::invalid(wrong.0)),
            Err(mut reject) => {
                reject.fields.extend(wrong.0);
                Err(reject)
            }
        }
    }

    /// Straight-line distance over all stops, in metres.
    pub fn distance_m(&self) -> f64 {
        self.stops.windows(2).map(|pair| pair[0].at.distance_m(pair[1].at)).sum()
    }

    /// The JSON pointer of a stop.
    pub(crate) fn stop_pointer(&self, index: usize) -> String {
        stop_pointer(index, self.stops.len())
    }
}

fn stop_pointer(index: usize, stops: usize) -> String {
    match index {
        0 => "/origin".into(),
        last if last + 1 >= stops => "/destination".into(),
        between => format!("/stops/{}", between - 1),
    }
}

/// The places between origin and destination.
fn stops_between(wrong: &mut Findings, value: Option<&Value>) -> Vec<Coordinate> {
    let Some(value) = given(value) else { return Vec::new() };
    let Some(list) = value.as_array().filter(|list| list.len() <= STOPS_BETWEEN_MAX) else {
        wrong.add("/stops", format!("expected a list of at most {STOPS_BETWEEN_MAX} places between the two ends"));
        return Vec::new();
    };
    let place = |(index, item)| coordinate(wrong, &format!("/stops/{index}"), Some(item));
    list.iter().enumerate().filter_map(place).collect()
}

/// Two places in a row are two places.
fn check_apart(wrong: &mut Findings, places: &[Stop]) {
    // While some are wrong nobody can tell which are neighbours.
    if places.len() < 2 || !wrong.0.is_empty() {
        return;
    }
    for (index, pair) in places.windows(2).enumerate() {
        if pair[0].at.distance_m(pair[1].at) < STOPS_APART_M {
            let (here, before) = (stop_pointer(index + 1, places.len()), stop_pointer(index, places.len()));
            wrong.add(&here, format!("is the same place as {before}; a trip needs two places"));
        }
    }
}

fn given(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !value.is_null())
}

fn site(value: Option<&Value>) -> Result<SiteId, String> {
    match given(value) {
        None => Err("is missing: name the site, e.g. \"north\"".into()),
        Some(Value::String(text)) => text.parse().map_err(|error: kernel::text::NameError| error.to_string()),
        Some(_) => Err("expected the site's name as text".into()),
    }
}

fn kind(value: Option<&Value>) -> Result<Kind, String> {
    let all = || Kind::ALL.map(Kind::as_str).join(", ");
    match given(value) {
        None => Err(format!("is missing: expected one of {}", all())),
        Some(Value::String(text)) => text.parse().map_err(|error: super::types::KindError| error.to_string()),
        Some(_) => Err(format!("expected one of {}", all())),
    }
}

fn coordinate(wrong: &mut Findings, at: &str, value: Option<&Value>) -> Option<Coordinate> {
    let Some(object) = given(value).and_then(Value::as_object) else {
        let problem = if given(value).is_none() { "is missing: expected" } else { "expected" };
        wrong.add(at, format!("{problem} {{ \"lat\": degrees, \"lon\": degrees }}"));
        return None;
    };
    wrong.unknown_fields(at, object, &["lat", "lon"]);
    let mut degrees = |name: &str, limit: f64| {
        let value = object.get(name).and_then(Value::as_f64).filter(|degrees| degrees.abs() <= limit);
        let message = || format!("expected degrees from -{limit} to {limit}");
        wrong.take(&format!("{at}/{name}"), value.ok_or_else(message))
    };
    let (lat, lon) = (degrees("lat", 90.0), degrees("lon", 180.0));
    Coordinate::new(plain(lat?), plain(lon?)).ok()
}

fn whole(value: Option<&Value>, max: u64, message: &str) -> Result<u64, String> {
    match given(value) {
        None => Ok(0),
        Some(value) => value.as_u64().filter(|number| *number <= max).ok_or_else(|| message.to_owned()),
    }
}

fn requirements(wrong: &mut Findings, value: Option<&Value>) -> Requirements {
    let mut read = Requirements::default();
    let Some(value) = given(value) else { return read };
    let Some(object) = value.as_object() else {
        wrong.add("/requirements", "expected an object");
        return read;
    };
    wrong.unknown_fields("/requirements", object, &["passengers", "payload_kg", "capabilities"]);
    let message = format!("expected a whole number from 0 to {PASSENGERS_MAX}");
    let passengers = whole(object.get("passengers"), PASSENGERS_MAX, &message);
    let passengers = wrong.take("/requirements/passengers", passengers);
    read.passengers = passengers.and_then(|number| u32::try_from(number).ok()).unwrap_or_default();
    if let Some(value) = given(object.get("payload_kg")) {
        match value.as_f64().filter(|kg| (0.0..=PAYLOAD_KG_MAX).contains(kg)) {
            Some(kg) => read.payload_kg = plain(kg),
            None => wrong.add("/requirements/payload_kg", format!("expected kilograms from 0 to {PAYLOAD_KG_MAX}")),
        }
    }
    read.capabilities = capabilities(wrong, object.get("capabilities"));
    read
}

fn capabilities(wrong: &mut Findings, value: Option<&Value>) -> BTreeSet<String> {
    let Some(value) = given(value) else { return BTreeSet::new() };
    let Some(list) = value.as_array().filter(|list| list.len() <= CAPABILITIES_MAX) else {
        let message = format!("expected a list of at most {CAPABILITIES_MAX} names");
        wrong.add("/requirements/capabilities", message);
        return BTreeSet::new();
    };
    let is_name = |text: &str| {
        (1..=40).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
    };
    let mut names = BTreeSet::new();
    for (index, item) in list.iter().enumerate() {
        match item.as_str().filter(|text| is_name(text)) {
            Some(name) => drop(names.insert(name.to_owned())),
            None => wrong.add(
                &format!("/requirements/capabilities/{index}"),
                "expected 1 to 40 lower-case letters, digits, hyphens or underscores",
            ),
        }
    }
    names
}

fn window(wrong: &mut Findings, value: Option<&Value>, now: Timestamp) -> Window {
    let Some(value) = given(value) else { return Window::default() };
    let Some(object) = value.as_object() else {
        wrong.add("/window", "expected an object with earliest and latest");
        return Window::default();
    };
    wrong.unknown_fields("/window", object, &["earliest", "latest"]);
    let mut time = |name: &str| -> Option<Timestamp> {
        let value = given(object.get(name))?;
        let parsed = value.as_str().ok_or(kernel::time::TimestampError).and_then(str::parse::<Timestamp>);
        wrong.take(&format!("/window/{name}"), parsed.map_err(|error| error.to_string()))
    };
    let window = Window { earliest: time("earliest"), latest: time("latest") };
    if window.latest.is_some_and(|latest| latest <= now) {
        wrong.add("/window/latest", "is past");
    }
    if let (Some(earliest), Some(latest)) = (window.earliest, window.latest)
        && latest <= earliest
    {
        wrong.add("/window/latest", "expected a time after earliest");
    }
    let far = |time: Option<Timestamp>| time.is_some_and(|time| time.since_ms(now) > SCHEDULE_AHEAD_MAX_MS);
    for (name, time) in [("earliest", window.earliest), ("latest", window.latest)] {
        if far(time) {
            wrong.add(&format!("/window/{name}"), "expected a time within the next 90 days");
        }
    }
    window
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: Timestamp = Timestamp::from_ms(1_795_489_212_000);

    fn good() -> Value {
        json!({ "site": "north", "kind": "haul", "origin": { "lat": 1.0, "lon": 2.0 },
                "destination": { "lat": 1.1, "lon": 2.0 }, "requirements": { "payload_kg": 1000 } })
    }

    fn check(change: impl Fn(&mut Value), fields: &[&str]) {
        let mut body = good();
        change(&mut body);
        let found = match TripRequest::parse(&body, NOW) {
            Ok(_) => Vec::new(),
            Err(reject) => reject.fields.into_iter().map(|error| error.field).collect(),
        };
        assert_eq!(found, fields, "{body}");
    }

    #[test]
    fn every_wrong_field_is_named_in_one_answer() {
        check(|_| (), &[]);
        check(|body| body["stops"] = json!([]), &[]);
        check(|body| body["site"] = json!("North"), &["/site"]);
        check(|body| body["kind"] = json!("taxi"), &["/kind"]);
        check(|body| body["origin"] = json!({ "lat": 91, "lon": "x" }), &["/origin/lat", "/origin/lon"]);
        check(|body| body["origin"] = Value::Null, &["/origin"]);
        check(|body| body["destination"] = body["origin"].clone(), &["/destination"]);
        check(|body| body["priority"] = json!(10), &["/priority"]);
        check(|body| body["colour/x"] = json!(1), &["/colour~1x"]);
        check(|body| body["stops"] = json!([{ "lat": 1, "lon": 1 }]), &[]);
        check(|body| body["stops"] = json!(vec![json!({ "lat": 1, "lon": 1 }); 17]), &["/stops"]);
        check(|body| body["stops"] = json!([{ "lat": 1, "lon": 1 }, { "lat": 99, "lon": 1 }]), &["/stops/1/lat"]);
        check(|body| body["stops"] = json!([null, 7]), &["/stops/0", "/stops/1"]);
        check(|body| body["stops"] = json!([{ "lat": 1, "lon": 1 }, { "lat": 1, "lon": 1 }]), &["/stops/1"]);
        check(|body| body["stops"] = json!([body["origin"]]), &["/stops/0"]);
        check(|body| body["stops"] = json!([body["destination"]]), &["/destination"]);
        check(
            |body| body["requirements"] = json!({ "passengers": -1, "payload_kg": -2, "capabilities": ["ok", "NO"] }),
            &["/requirements/passengers", "/requirements/payload_kg", "/requirements/capabilities/1"],
        );
        check(|body| body["window"] = json!({ "earliest": "soon" }), &["/window/earliest"]);
        check(|body| body["window"] = json!({ "latest": "2020-01-01T00:00:00Z" }), &["/window/latest"]);
        check(
            |body| {
                body["site"] = Value::Null;
                body["kind"] = json!(1);
                body["requirements"] = json!(7);
            },
            &["/site", "/kind", "/requirements"],
        );
        let reject = TripRequest::parse(&json!([]), NOW).unwrap_err();
        assert_eq!(reject.fields[0].message, "expected a JSON object");
    }

    /// One wrong value, one field.
    fn wrong(pointer: &str, values: &[Value], field: &str) {
        for value in values {
            check(
                |body| {
                    body["window"] = json!({ "earliest": null, "latest": null });
                    body["requirements"] = json!({ "passengers": 0, "payload_kg": 0, "capabilities": [] });
                    *body.pointer_mut(pointer).unwrap() = value.clone();
                },
                &[field],
            );
        }
    }

    #[test]
    fn each_field_has_its_own_limits() {
        let in_days = |days: i64| json!(NOW.plus_ms(days * 86_400_000).to_string());
        wrong("/site", &[json!(null), json!(7), json!(""), json!("a b")], "/site");
        wrong("/kind", &[json!(null), json!("HAUL"), json!([])], "/kind");
        for place in ["/origin", "/destination"] {
            wrong(place, &[json!(null), json!([1, 2]), json!("1,2")], place);
            let (lat, lon) = (format!("{place}/lat"), format!("{place}/lon"));
            wrong(&lat, &[json!(90.1), json!(-90.1), json!("1"), json!(null)], &lat);
            wrong(&lon, &[json!(180.1), json!(-180.1), json!(true)], &lon);
            wrong(place, &[json!({ "lat": 5, "lon": 5, "alt": 1 })], &format!("{place}/alt"));
        }
        wrong("/requirements", &[json!([]), json!("x")], "/requirements");
        wrong("/requirements", &[json!({ "seats": 1 })], "/requirements/seats");
        let at = "/requirements/passengers";
        wrong(at, &[json!(-1), json!(1.5), json!(1_001), json!("2")], at);
        let at = "/requirements/payload_kg";
        wrong(at, &[json!(-0.1), json!(1_000_000.1), json!("2")], at);
        let at = "/requirements/capabilities";
        wrong(at, &[json!("tow"), json!({}), json!(vec!["tow"; 33])], at);
        let bad_names = ["", "Tow", "to w", &"a".repeat(41)].map(|name| json!(["ok", name]));
        wrong(at, &bad_names, "/requirements/capabilities/1");
        wrong("/window", &[json!("now"), json!([])], "/window");
        wrong("/window", &[json!({ "from": 1 })], "/window/from");
        wrong(
            "/window/earliest",
            &[json!(7), json!("soon"), json!("2026-13-01T00:00:00Z"), in_days(91)],
            "/window/earliest",
        );
        wrong("/window/latest", &[json!(7), in_days(0), in_days(-1), in_days(91)], "/window/latest");
        wrong("/window", &[json!({ "earliest": in_days(2), "latest": in_days(2) })], "/window/latest");
        for (priority, fields) in
            [(json!(9), &[][..]), (json!(null), &[]), (json!(1.5), &["/priority"]), (json!("1"), &["/priority"])]
        {
            check(|body| body["priority"] = priority.clone(), fields);
        }
        for stops in [json!(1), json!({})] {
            check(|body| body["stops"] = stops.clone(), &["/stops"]);
        }
        for (window, fields) in
            [(json!({}), &[][..]), (json!({ "earliest": in_days(-1) }), &[]), (json!({ "latest": in_days(90) }), &[])]
        {
            check(|body| body["window"] = window.clone(), fields);
        }
    }

    #[test]
    fn negative_zero_is_zero_because_canonical_json_has_only_one() {
        let mut body = good();
        body["origin"] = json!({ "lat": -0.0, "lon": 2.0 });
        let request = TripRequest::parse(&body, NOW).unwrap();
        assert!(request.stops[0].at.lat().is_sign_positive());
    }
}
