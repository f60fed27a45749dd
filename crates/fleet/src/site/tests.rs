//! Given a site's history, when something is decided, then this happens: a row for every rule and every refusal.

use kernel::id::TypedId;
use kernel::testing::{START, Then, accepts, check, fold, refuses, unchanged};
use proptest::prelude::*;

use super::*;

fn pit() -> SiteId {
    "pit-1".parse().unwrap()
}

fn id(n: u128) -> RestrictionId {
    RestrictionId::from_u128(n)
}

fn allowed() -> PolicyAnswer {
    PolicyAnswer { records: Vec::new(), refusal: None, constraints: policy::Constraints::default() }
}

fn denied() -> PolicyAnswer {
    PolicyAnswer { refusal: Some(Reject::new(Code::PolicyViolation, "policy forbids it")), ..allowed() }
}

fn new_map(digest: &str, asked: PolicyAnswer) -> Result<NewMap, Reject> {
    asked.refusal.map_or(Ok(NewMap { digest: digest.into(), nodes: 4, edges: 6 }), Err)
}

fn imported(version: u64, digest: &str) -> SiteEvent {
    SiteMapImported { version, digest: digest.into(), nodes: 4, edges: 6 }.into()
}

fn corners(count: usize) -> Vec<Coordinate> {
    // A bow, which crosses itself nowhere.
    let along = (0..count).map(|n| n as f64 / 1_000.0);
    along.map(|n| Coordinate::new(-22.0 + n, -68.5 + n * n).unwrap()).collect()
}

fn zone(n: u128, corner_count: usize) -> SiteZoneDrawn {
    let (name, owner) = (format!("zone {n}"), "prin_owner".into());
    SiteZoneDrawn {
        restriction: id(n),
        name,
        kind: ZoneKind::Avoided,
        polygon: corners(corner_count),
        owner,
        class: None,
        reason: None,
        from: None,
        until: None,
    }
}

/// A closure in minutes from the start of the history.
fn closure(n: u128, from_min: i64, until_min: Option<i64>) -> SiteRoadsClosed {
    let at = |minutes: i64| START.plus_ms(60_000 * minutes);
    SiteRoadsClosed {
        restriction: id(n),
        class: ClosureClass::Stop,
        polygon: corners(3),
        owner: "prin_owner".into(),
        reason: "a grader works".into(),
        from: at(from_min),
        until: until_min.map(at),
    }
}

fn limited(n: u128, max_speed_mps: f64) -> SiteSpeedLimited {
    SiteSpeedLimited {
        restriction: id(n),
        max_speed_mps,
        place: Some("haul-road".into()),
        polygon: corners(3),
        owner: "prin_owner".into(),
        reason: "a grader works".into(),
        from: START,
        until: None,
    }
}

fn lifted(n: u128) -> SiteEvent {
    SiteRestrictionLifted { restriction: id(n) }.into()
}

fn import_as(digest: &str, asked: PolicyAnswer) -> impl FnOnce(Option<&Site>) -> Decided<SiteEvent, u64> {
    move |state| import(state, &new_map(digest, asked))
}

fn draw(drawn: SiteZoneDrawn) -> impl FnOnce(Option<&Site>) -> Decided<SiteEvent, RestrictionId> {
    move |state| draw_zone(state, &pit(), drawn, START)
}

fn close(closed: SiteRoadsClosed) -> impl FnOnce(Option<&Site>) -> Decided<SiteEvent, RestrictionId> {
    move |state| close_roads(state, &pit(), closed, START)
}

fn lift_one(n: u128, asked: PolicyAnswer) -> impl FnOnce(Option<&Site>) -> Decided<SiteEvent, ()> {
    move |state| lift(state, &pit(), id(n), &asked)
}

#[test]
fn a_map_gets_the_next_version_and_the_same_map_none() {
    check([], import_as("a", allowed()), accepts([imported(1, "a")], 1));
    check([], import_as("a", denied()), refuses(Code::PolicyViolation));
    check([imported(1, "a")], import_as("a", allowed()), unchanged(1));
    check([imported(1, "a")], import_as("a", denied()), refuses(Code::PolicyViolation));
    check([imported(1, "a")], import_as("b", denied()), refuses(Code::PolicyViolation));
    check([imported(1, "a")], import_as("b", allowed()), accepts([imported(2, "b")], 2));
    check([imported(1, "a"), imported(2, "b")], import_as("a", allowed()), accepts([imported(3, "a")], 3));
    let restricted = [imported(1, "a"), zone(1, 3).into()];
    let site = check(restricted, import_as("b", allowed()), accepts([imported(2, "b")], 2)).unwrap();
    assert_eq!(site.restrictions.len(), 1, "a new map opens no road");
}

#[test]
fn a_zone_has_three_to_five_hundred_corners() {
    let mapped = || [imported(1, "a")];
    let drawn = |count| accepts([zone(1, count).into()], id(1));
    check([], draw(zone(1, 3)), refuses(Code::NotFound));
    let rows: [(usize, Then<SiteEvent, RestrictionId>); 6] = [
        (0, refuses(Code::InvalidRequest)),
        (2, refuses(Code::InvalidRequest)),
        (3, drawn(3)),
        (CORNERS_MAX, drawn(CORNERS_MAX)),
        (CORNERS_MAX + 1, refuses(Code::InvalidRequest)),
        (CORNERS_MAX * 2, refuses(Code::InvalidRequest)),
    ];
    for (count, then) in rows {
        check(mapped(), draw(zone(1, count)), then);
    }
}

#[test]
fn roads_are_closed_for_a_time_that_has_an_order() {
    let mapped = || [imported(1, "a")];
    check([], close(closure(1, 0, None)), refuses(Code::NotFound));
    let flat = SiteRoadsClosed { polygon: corners(2), ..closure(1, 0, None) };
    check(mapped(), close(flat), refuses(Code::InvalidRequest));
    for until in [None, Some(6), Some(600)] {
        check(mapped(), close(closure(1, 5, until)), accepts([closure(1, 5, until).into()], id(1)));
    }
    for until in [5, 4, -600] {
        check(mapped(), close(closure(1, 5, Some(until))), refuses(Code::InvalidRequest));
    }
}

#[test]
fn a_speed_limit_is_a_speed_at_which_one_drives() {
    let slow = |limited: SiteSpeedLimited| move |state: Option<&Site>| limit_speed(state, &pit(), limited, START);
    let mapped = || [imported(1, "a")];
    check([], slow(limited(1, 8.0)), refuses(Code::NotFound));
    for speed in [0.5, 8.0, 60.0] {
        let site = check(mapped(), slow(limited(1, speed)), accepts([limited(1, speed).into()], id(1))).unwrap();
        assert_eq!(site.restrictions[&id(1).to_string()].class(), None, "nobody is kept out");
    }
    for speed in [0.0, 0.49, -1.0, 60.1, f64::NAN, f64::INFINITY] {
        check(mapped(), slow(limited(1, speed)), refuses(Code::InvalidRequest));
    }
    let mapped_and_limited = [imported(1, "a"), limited(1, 8.0).into()];
    check(mapped_and_limited, lift_one(1, allowed()), accepts([lifted(1)], ()));
}

#[test]
fn a_site_has_room_for_what_is_in_force_or_will_be() {
    let filled = |last: SiteRoadsClosed| {
        let zones = (1..RESTRICTIONS_MAX as u128).map(|n| zone(n, 3).into());
        std::iter::once(imported(1, "a")).chain(zones).chain([last.into()]).collect::<Vec<_>>()
    };
    for lasting in [closure(0, -9, None), closure(0, -9, Some(9)), closure(0, 60, Some(90))] {
        check(filled(lasting.clone()), draw(zone(900, 3)), refuses(Code::Conflict));
        check(filled(lasting), close(closure(900, 0, None)), refuses(Code::Conflict));
    }
    let over = check(filled(closure(0, -9, Some(-1))), draw(zone(900, 3)), accepts([zone(900, 3).into()], id(900)));
    let kept = over.unwrap().restrictions;
    assert!(kept.len() == RESTRICTIONS_MAX && !kept.contains_key(&id(0).to_string()), "what is over is forgotten");
}

#[test]
fn a_restriction_is_lifted_once_and_with_the_consent_of_policy() {
    let restricted = || [imported(1, "a"), zone(1, 3).into(), closure(2, 0, None).into()];
    check([], lift_one(1, allowed()), refuses(Code::NotFound));
    check(restricted(), lift_one(3, allowed()), refuses(Code::NotFound));
    check(restricted(), lift_one(3, denied()), refuses(Code::NotFound));
    for n in [1, 2] {
        check(restricted(), lift_one(n, denied()), refuses(Code::PolicyViolation));
        let left = check(restricted(), lift_one(n, allowed()), accepts([lifted(n)], ())).unwrap();
        assert_eq!(left.restrictions.keys().collect::<Vec<_>>(), [&id(3 - n).to_string()]);
        let gone = [restricted().to_vec(), vec![lifted(n)]].concat();
        check(gone, lift_one(n, allowed()), refuses(Code::NotFound));
    }
}

#[test]
fn a_closure_is_in_force_from_its_beginning_until_its_end() {
    let site: Site =
        fold(&[imported(1, "a"), zone(1, 3).into(), closure(2, 5, Some(7)).into(), closure(3, 5, None).into()])
            .unwrap();
    let rows = [(0, [true, false, false]), (5, [true, true, true]), (6, [true, true, true]), (7, [true, false, true])];
    for (minute, expected) in rows {
        let now = START.plus_ms(60_000 * minute);
        let found: Vec<bool> = site.restrictions.values().map(|restriction| restriction.in_force(now)).collect();
        assert_eq!(found, expected, "minute {minute}");
        assert!(site.restrictions.values().all(|other| !(other.is_over(now) && other.in_force(now))));
    }
    assert!(site.restrictions.values().all(|restriction| restriction.polygon() == corners(3)));
}

fn began(n: u128) -> SiteEvent {
    SiteRestrictionBegan { restriction: id(n) }.into()
}

fn ended(n: u128) -> SiteEvent {
    SiteRestrictionEnded { restriction: id(n) }.into()
}

fn due_at_min(minute: i64) -> impl FnOnce(Option<&Site>) -> Decided<SiteEvent, ()> {
    move |state| due(state, START.plus_ms(60_000 * minute))
}

/// A zone in minutes from the start of the history.
fn timed_zone(n: u128, from_min: i64, until_min: i64) -> SiteZoneDrawn {
    let at = |minutes: i64| Some(START.plus_ms(60_000 * minutes));
    SiteZoneDrawn { from: at(from_min), until: at(until_min), class: Some(ClosureClass::Evacuate), ..zone(n, 3) }
}

#[test]
fn what_is_announced_begins_and_what_has_an_end_ends_at_its_time() {
    let announced = || {
        vec![imported(1, "a"), closure(1, 5, Some(9)).into(), timed_zone(2, 7, 9).into(), closure(3, -1, None).into()]
    };
    let site = fold::<Site>(&announced()).unwrap();
    assert_eq!((site.due_at(), site.announced.len()), (Some(START.plus_ms(300_000)), 2));
    assert_eq!(site.restrictions[&id(2).to_string()].class(), Some(ClosureClass::Evacuate));
    check([], due_at_min(5), unchanged(()));
    check(announced(), due_at_min(4), unchanged(()));
    let site = check(announced(), due_at_min(5), accepts([began(1)], ())).unwrap();
    assert_eq!(site.due_at(), Some(START.plus_ms(420_000)));
    let later = [announced(), vec![began(1)]].concat();
    check(later.clone(), due_at_min(6), unchanged(()));
    let site = check(later, due_at_min(7), accepts([began(2)], ())).unwrap();
    assert_eq!((site.due_at(), site.announced.is_empty()), (Some(START.plus_ms(540_000)), true));
    // Both times passed while nobody looked: it is over.
    let site = check(announced(), due_at_min(9), accepts([ended(1), ended(2)], ())).unwrap();
    assert_eq!((site.due_at(), site.restrictions.len(), site.announced.len()), (None, 1, 0));
    let site = check([announced(), vec![lifted(1)]].concat(), due_at_min(0), unchanged(())).unwrap();
    assert_eq!(site.due_at(), Some(START.plus_ms(420_000)));
}

#[test]
fn words_and_corners_have_limits() {
    let mapped = || vec![imported(1, "a")];
    let long = "x".repeat(REASON_CHARS_MAX + 1);
    check(
        mapped(),
        close(SiteRoadsClosed { reason: long.clone(), ..closure(1, 0, None) }),
        refuses(Code::InvalidRequest),
    );
    check(mapped(), draw(SiteZoneDrawn { reason: Some(long), ..zone(1, 3) }), refuses(Code::InvalidRequest));
    check(mapped(), draw(timed_zone(1, 5, 5)), refuses(Code::InvalidRequest));
    let full = (0..(CORNERS_OF_SITE_MAX / CORNERS_MAX) as u128).map(|n| zone(n, CORNERS_MAX).into());
    let full: Vec<SiteEvent> = mapped().into_iter().chain(full).collect();
    check(full, draw(zone(900, 3)), refuses(Code::Conflict));
}

#[test]
fn nothing_restricts_a_site_without_a_map() {
    for event in [zone(1, 3).into(), closure(1, 0, None).into(), lifted(1)] {
        assert_eq!(fold::<Site>(&[event]), None);
    }
}

/// Something that is asked of a site. Ids come from a few, so that commands meet.
#[derive(Debug, Clone)]
enum Command {
    Import { digest: String, allowed: bool },
    Draw(SiteZoneDrawn),
    Close(SiteRoadsClosed),
    Lift { n: u128, allowed: bool },
    Due,
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        ("[ab]", any::<bool>()).prop_map(|(digest, allowed)| Command::Import { digest, allowed }),
        (0u128..5, 0usize..6).prop_map(|(n, count)| Command::Draw(zone(n, count))),
        (0u128..5, -9i64..9, prop::option::of(-9i64..9)).prop_map(|(n, from, to)| Command::Close(closure(n, from, to))),
        (0u128..5, any::<bool>()).prop_map(|(n, allowed)| Command::Lift { n, allowed }),
        Just(Command::Due),
    ]
}

proptest! {
    /// Whatever is asked, versions of the map only count up, and a restriction goes only when it is lifted or over.
    #[test]
    fn nothing_that_is_asked_opens_a_road_unseen(commands in prop::collection::vec(command(), 0..40)) {
        let asked = |is_allowed| if is_allowed { allowed() } else { denied() };
        let mut history = Vec::new();
        let mut before: Option<Site> = None;
        for command in commands {
            let state = before.as_ref();
            let events = match command {
                Command::Import { digest, allowed } => import(state, &new_map(&digest, asked(allowed))).events,
                Command::Draw(drawn) => draw_zone(state, &pit(), drawn, START).events,
                Command::Close(closed) => close_roads(state, &pit(), closed, START).events,
                Command::Lift { n, allowed } => lift(state, &pit(), id(n), &asked(allowed)).events,
                Command::Due => due(state, START).events,
            };
            history.extend(events.iter().cloned());
            let now = START.plus_ms(1_000 * history.len() as i64);
            let after = fold::<Site>(&history);
            if let (Some(before), Some(after)) = (&before, &after) {
                let imports = events.iter().any(|event| matches!(event, SiteEvent::MapImported(_)));
                prop_assert_eq!(after.map.version, before.map.version + u64::from(imports));
                for (name, restriction) in &before.restrictions {
                    let is_lifted = events.iter().any(|event| {
                        matches!(event, SiteEvent::RestrictionLifted(gone) if gone.restriction.to_string() == *name)
                    });
                    let left = after.restrictions.contains_key(name);
                    prop_assert!(left || is_lifted || restriction.is_over(now), "{} opened unseen", name);
                }
            }
            before = after;
        }
    }
}
