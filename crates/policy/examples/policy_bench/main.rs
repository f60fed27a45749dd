//! How long a decision takes with its record, against the two questions to bare Cedar that it cannot do without;
//! whether rules of other tenants make it slower; how many decisions of the past are asked again a second. One thread.

#![allow(clippy::print_stdout, reason = "a benchmark is a command that prints figures")]

mod rules;

use std::error::Error;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cedar_policy::{Authorizer, Context, Entities, Request as CedarRequest};
use fleet::actions::{IMPORT_SITE, RELEASE_HOLD};
use fleet::{HoldReleaseFacts, SiteImportFacts};
use kernel::ctx::CtxSource;
use kernel::{Actor, ActorKind, Authentication, Clock, Ctx, Sector, Subject, TenantId, Timestamp};
use policy::{Engine, Replayed, Request};
use serde_json::{Value, json};
use trips::actions::{MONITOR_TRIP, REQUEST_TRIP, RESUME_TRIP};
use trips::{MonitorFacts, ResumeFacts, TripFacts};

use rules::{DECIDING, LIMITING, OF_SECTOR, Ruled, of_tenant, ruled};

const NOW: Timestamp = Timestamp::from_ms(1_795_489_212_000);
/// Decisions a figure, in turns with what they are compared with, so that both meet the same machine.
const ROUNDS: usize = 20_000;
const TENANTS: usize = 50;
const RULES_A_TENANT: usize = 40;
/// Decisions that are asked again.
const REPLAYED: usize = 20_000;

/// Time that stands, and ids that count.
struct Fixed(AtomicU64);

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        NOW
    }
}

impl CtxSource for Fixed {
    fn entropy(&self) -> u128 {
        self.0.fetch_add(1, Ordering::Relaxed).into()
    }
}

/// Asks as the people and vehicles of a tenant do.
struct Asks(Fixed);

impl Asks {
    fn ctx(&self, tenant: &TenantId, role: &str) -> Result<Ctx, Box<dyn Error>> {
        let actor = Actor {
            kind: ActorKind::Principal,
            id: "prin_bench".into(),
            role: role.into(),
            authentication: Authentication::Token,
            second_approver: None,
            rule: None,
        };
        Ok(Ctx::new(&self.0, tenant.clone(), actor).at_site("yard".parse()?).in_sector(Sector::Logistics))
    }

    fn trip(&self, tenant: &TenantId, payload_kg: f64) -> Result<Request, Box<dyn Error>> {
        let facts = TripFacts {
            kind: "delivery".into(),
            closed_at_stops: [].into(),
            zone_kinds_at_stops: ["no-parking".to_owned()].into(),
            avoided_zones: ["zone_crane".to_owned(), "zone_gate".to_owned()].into(),
            passengers: 0,
            payload_kg,
            required_capabilities: ["container".to_owned()].into(),
            distance_m: 900.0,
        };
        let request = Request::new(&self.ctx(tenant, "dispatcher")?, REQUEST_TRIP, Subject::new("trip", "trip_1"));
        Ok(request.entitled_to(["trips".to_owned()]).facts(facts.facts(NOW)))
    }

    /// One of several acts in turn, some of which are denied.
    fn mixed(&self, tenant: &TenantId, n: usize) -> Result<Request, Box<dyn Error>> {
        let of = |role: &str, act, kind: &str| -> Result<Request, Box<dyn Error>> {
            Ok(Request::new(&self.ctx(tenant, role)?, act, Subject::new(kind, "1")))
        };
        Ok(match n % 6 {
            0 => self.trip(tenant, 900.0)?,
            1 => self.trip(tenant, 99_000.0)?,
            2 => of("dispatcher", RESUME_TRIP, "trip")?
                .facts(ResumeFacts { holds: [].into(), mode: "AUTONOMOUS".into() }.facts(NOW)),
            3 => of("administrator", IMPORT_SITE, "site")?.facts(SiteImportFacts { trips_open: 2 }.facts(NOW)),
            4 => {
                let facts = HoldReleaseFacts {
                    hold_kind: "cleaning".into(),
                    caller_is_owner: true,
                    second_person: false,
                    caller_at_vehicle: true,
                };
                of("technician", RELEASE_HOLD, "vehicle")?.facts(facts.facts(NOW))
            }
            _ => of("vehicle", MONITOR_TRIP, "trip")?.facts(monitored().facts()),
        })
    }
}

fn monitored() -> MonitorFacts {
    MonitorFacts {
        sampled_at: NOW.plus_ms(-500),
        speed_mps: 7.0,
        speed_limit_mps: 8.0,
        avoided_zones_entered: [].into(),
        off_route_m: 1.0,
        mode: "AUTONOMOUS".into(),
        allowed_modes: ["AUTONOMOUS".to_owned()].into(),
        battery_pct: 50.0,
        claim_valid: true,
        occupied: false,
    }
}

/// The same question as [`Asks::trip`], as Cedar has it.
fn bare(ruled: &Ruled) -> Result<(CedarRequest, Entities), Box<dyn Error>> {
    let entities = json!([
        { "uid": { "type": "Fleet::Principal", "id": "prin_bench" }, "parents": [], "attrs": {
            "tenant": "north", "kind": "principal", "authentication": "token",
            "role": { "__entity": { "type": "Fleet::Role", "id": "dispatcher" } } } },
        { "uid": { "type": "Fleet::Trip", "id": "trip_1" }, "parents": [], "attrs": { "tenant": "north" } },
    ]);
    let decimal = |text: &str| json!({ "__extn": { "fn": "decimal", "arg": text } });
    let context = json!({
        "request": {
            "sector": "logistics", "site": "yard", "simulated": false, "entitlements": ["trips"], "waivers": [],
        },
        "kind": "delivery", "closed_at_stops": [], "zone_kinds_at_stops": ["no-parking"],
        "avoided_zones": ["zone_crane", "zone_gate"], "passengers": 0, "payload_kg": decimal("900.0"),
        "required_capabilities": ["container"], "distance_m": decimal("900.0"),
    });
    let action: cedar_policy::EntityUid = "Fleet::Action::\"trip.request\"".parse()?;
    let context = Context::from_json_value(context, Some((&ruled.schema, &action)))?;
    let (principal, resource) = ("Fleet::Principal::\"prin_bench\"".parse()?, "Fleet::Trip::\"trip_1\"".parse()?);
    let request = CedarRequest::new(principal, action, resource, context, Some(&ruled.schema))?;
    Ok((request, Entities::from_json_value(entities, Some(&ruled.schema))?))
}

/// A decision as a command has it made: with its record, as the journal's line needs it.
fn decide(engine: &Engine, request: &Request) -> Result<(Duration, bool), Box<dyn Error>> {
    let began = Instant::now();
    let record = engine.decide(black_box(request)).to_record();
    black_box(serde_json_canonicalizer::to_vec(&record.body)?);
    Ok((began.elapsed(), record.allowed))
}

fn at_us(each: &mut [Duration], percent: usize) -> f64 {
    each.sort_unstable();
    each.get(each.len() * percent / 100).map_or(0.0, |duration| duration.as_secs_f64() * 1e6)
}

fn bar(name: &str, value: f64, unit: &str, is_at_least: bool, limit: f64) {
    let (op, holds) = if is_at_least { (">=", value >= limit) } else { ("<=", value <= limit) };
    println!("bar policy.{name} {value:.2} {unit} {op} {limit} {}", if holds { "holds" } else { "short" });
}

fn decisions(asks: &Asks, tenant: &TenantId) -> Result<(), Box<dyn Error>> {
    let ruled = ruled()?;
    let (cedar, entities) = bare(&ruled)?;
    let request = asks.trip(tenant, 900.0)?;
    let (deciding, limiting) = (ruled.deciding.policies().count(), ruled.limiting.policies().count());
    println!(
        "{deciding} rules decide {} and {limiting} limit it, of {} rules of the sector (at least {DECIDING}, {LIMITING}, \
         {OF_SECTOR})",
        rules::ACT,
        ruled.of_sector
    );
    let engine = Engine::new(ruled.bundle);
    let (mut own, mut cedars) = (Vec::with_capacity(ROUNDS), Vec::with_capacity(ROUNDS));
    for _ in 0..ROUNDS {
        let (took, is_allowed) = decide(&engine, &request)?;
        own.push(took);
        let began = Instant::now();
        let first = Authorizer::new().is_authorized(black_box(&cedar), &ruled.deciding, &entities);
        let second = Authorizer::new().is_authorized(black_box(&cedar), &ruled.limiting, &entities);
        cedars.push(began.elapsed());
        let is_same = first.decision() == cedar_policy::Decision::Allow;
        black_box(second);
        if !is_allowed || !is_same {
            return Err(format!("not both allow it: {}", engine.decide(&request).reason_text()).into());
        }
    }
    let (p50, bare) = (at_us(&mut own, 50), at_us(&mut cedars, 50));
    println!("a decision with its record  p50 {p50:6.1} us  p99 {:6.1} us", at_us(&mut own, 99));
    println!("two questions to Cedar      p50 {bare:6.1} us  p99 {:6.1} us", at_us(&mut cedars, 99));
    bar("decision_p50", p50, "us", false, 80.0);
    bar("decision_to_cedar", p50 / bare, "ratio", false, 2.5);
    Ok(())
}

/// The same decision in an engine with one tenant's own rules, and in one with those of many.
fn many_tenants(asks: &Asks) -> Result<(), Box<dyn Error>> {
    let names: Vec<TenantId> = (0..TENANTS).map(|n| format!("tenant-{n}").parse()).collect::<Result<_, _>>()?;
    let engine = |names: &[TenantId]| -> Result<Engine, Box<dyn Error>> {
        let engine = Engine::new(ruled()?.bundle);
        for name in names {
            let layer = engine.active().own_layer(name, &of_tenant(RULES_A_TENANT))?;
            engine.put_own(name, Some(layer));
        }
        Ok(engine)
    };
    let (one, many) = (engine(&names[..1])?, engine(&names)?);
    let requests = names.iter().map(|name| asks.trip(name, 900.0)).collect::<Result<Vec<_>, _>>()?;
    let (mut alone, mut among) = (Vec::with_capacity(ROUNDS), Vec::with_capacity(ROUNDS));
    for request in requests.iter().cycle().take(ROUNDS) {
        alone.push(decide(&one, &requests[0])?.0);
        among.push(decide(&many, request)?.0);
    }
    let (alone, among) = (at_us(&mut alone, 50), at_us(&mut among, 50));
    println!("a tenant with {RULES_A_TENANT} rules of its own, alone               p50 {alone:6.1} us");
    println!("any of {TENANTS} such, {} rules of tenants together  p50 {among:6.1} us", TENANTS * RULES_A_TENANT);
    bar("decision_among_tenants", (among / alone - 1.0).abs() * 100.0, "%", false, 20.0);
    Ok(())
}

fn replay(asks: &Asks, tenant: &TenantId) -> Result<(), Box<dyn Error>> {
    let engine = Engine::new(ruled()?.bundle);
    let layer = engine.active().own_layer(tenant, &of_tenant(RULES_A_TENANT))?;
    let recorded = |n: usize| -> Result<Value, Box<dyn Error>> {
        let decision = engine.decide(&asks.mixed(tenant, n)?);
        Ok(serde_json::from_slice(&serde_json_canonicalizer::to_vec(&decision.to_json())?)?)
    };
    let recorded = (0..REPLAYED).map(recorded).collect::<Result<Vec<_>, _>>()?;
    let denied = recorded.iter().filter(|decision| decision["verdict"] == "deny").count();
    let began = Instant::now();
    let (mut changed, mut failed) = (0, 0);
    for decision in &recorded {
        match black_box(engine.replay(decision, Some(&layer))) {
            Replayed::Unchanged => {}
            Replayed::Changed { .. } => changed += 1,
            Replayed::NotReplayable(_) => failed += 1,
        }
    }
    let per_second = REPLAYED as f64 / began.elapsed().as_secs_f64();
    println!(
        "asked again: {REPLAYED} decisions of 5 acts, {denied} denied; {changed} changed, {failed} not replayable"
    );
    bar("replay", per_second, "/s", true, 10_000.0);
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let (asks, tenant) = (Asks(Fixed(AtomicU64::new(1))), "north".parse()?);
    decisions(&asks, &tenant)?;
    many_tenants(&asks)?;
    replay(&asks, &tenant)
}
