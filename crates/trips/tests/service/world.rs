//! A site with vehicles whose distances, refusals and failures a test chooses.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use kernel::envelope::NewEvent;
use kernel::id::{BootId, PrincipalId, TypedId};
use kernel::testing::START;
use kernel::{
    Actor, Clock, Code, Coordinate, Ctx, CtxSource, Envelope, Reject, Sector, SiteId, Subject, TenantId, Timestamp,
    TripId, VehicleId,
};
use policy::{Bundle, Constraints, Engine};
use pollster::block_on;
use store::conformance::PlainSigner;
use store::memory::MemoryStore;
use store::port::{Commit, Fault};
use store::{CommandError, Store};
use trips::ports::*;
use trips::trip::types::{Kind, Requirements, Stop, Window};
use trips::trip::{ReportKind, VehicleReport};
use trips::{Ports, Services, Settings, Trip, TripRequest, Trips};

pub fn tenant() -> TenantId {
    "north".parse().unwrap()
}

pub fn site() -> SiteId {
    "yard".parse().unwrap()
}

/// Vehicle `n`, from 0; ids rise with the number.
pub fn vehicle(n: usize) -> VehicleId {
    VehicleId::from_u128((0x019b << 112) | (n as u128 + 1))
}

fn place_of_vehicle(n: usize) -> Coordinate {
    Coordinate::new(n as f64 / 1_000.0, 0.0).unwrap()
}

/// Where trip `n` begins.
fn pickup(n: usize) -> Coordinate {
    Coordinate::new(1.0 + n as f64 / 1_000.0, 0.0).unwrap()
}

/// The number in a place, and whether it is a pickup's.
fn number_of(place: Coordinate) -> usize {
    (place.lat().fract() * 1_000.0).round() as usize
}

/// A vehicle that can take every trip.
pub fn able(n: usize) -> VehicleFacts {
    VehicleFacts {
        vehicle: vehicle(n),
        name: format!("car-{n}"),
        site: site(),
        availability: Availability::Ready,
        online: true,
        mode: "AUTONOMOUS".into(),
        holds: BTreeSet::new(),
        claimed: false,
        seen_at: START,
        battery_pct: 90.0,
        energy_capacity_wh: 100_000.0,
        consumption_wh_per_m: 0.2,
        safe_range_m: None,
        capabilities: BTreeSet::new(),
        payload_max_kg: 10_000.0,
        seats: 4,
        max_speed_mps: None,
        allowed_sectors: [Sector::Logistics].into(),
        avoided_zones: BTreeSet::new(),
        admission_valid: true,
        on_probation: false,
        simulated: true,
        sector_facts: Vec::new(),
        position: Some(LastPosition { at: place_of_vehicle(n), speed_mps: 0.0, seen_at: START }),
    }
}

/// The vehicle as the fleet answers it: judged by what a test says of it, and seen last when the rest was.
fn answered(facts: &VehicleFacts, claimed: bool) -> VehicleFacts {
    let availability = match facts.online && facts.holds.is_empty() && facts.mode == "AUTONOMOUS" {
        true if claimed => Availability::Busy,
        true => Availability::Ready,
        false => Availability::Unavailable,
    };
    let position = facts.position.map(|position| LastPosition { seen_at: facts.seen_at, ..position });
    VehicleFacts { availability, claimed, position, ..facts.clone() }
}

/// What the neighbours know and do.
#[derive(Default)]
pub struct Told {
    /// In the order in which the fleet lists them.
    pub vehicles: Vec<VehicleFacts>,
    /// Driving time of vehicle to pickup, in milliseconds; one minute where nothing is said, `None` for no route.
    pub reach_ms: BTreeMap<(usize, usize), Option<u64>>,
    /// Vehicles for which no route is found once their size is known.
    pub no_way_for: BTreeSet<VehicleId>,
    /// Vehicles whose claim the fleet refuses.
    pub claim_refused: BTreeSet<VehicleId>,
    /// Vehicles whose claim is taken but whose answer is lost, once.
    pub claim_answer_lost: BTreeSet<VehicleId>,
    pub claims: BTreeMap<VehicleId, (TripId, u64)>,
    /// Claims that were withdrawn: vehicle, trip, epoch.
    pub withdrawn: BTreeSet<(VehicleId, TripId, u64)>,
    /// Until when a claim is valid, where it is not a minute from the start.
    pub valid_until: Option<Timestamp>,
    /// Vehicles that stand far from any road.
    pub off_road: BTreeSet<usize>,
    pub unroutable: bool,
    /// What the next lines that are asked about touch, one after the other; nothing where nothing is said.
    pub obstacles: VecDeque<Vec<Obstacle>>,
    /// The speed limits that the next looks at a path find exceeded.
    pub exceeded_limits: VecDeque<String>,
    /// How far the vehicles are on their trips.
    pub under_way: Option<RouteProgress>,
    /// Since when vehicles can be heard, where it is not since the start.
    pub up_since: Option<Timestamp>,
}

/// The neighbours, a clock and entropy.
#[derive(Default)]
pub struct Neighbours {
    told: Mutex<Told>,
    later_ms: AtomicI64,
    entropy: AtomicU64,
}

impl Neighbours {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap()
    }
}

impl Clock for Neighbours {
    fn now(&self) -> Timestamp {
        START.plus_ms(self.later_ms.load(Ordering::Relaxed))
    }
}

impl CtxSource for Neighbours {
    fn entropy(&self) -> u128 {
        u128::from(self.entropy.fetch_add(1, Ordering::Relaxed))
    }
}

impl Tenants for Neighbours {
    fn tenant<'a>(&'a self, _: &'a TenantId) -> Answer<'a, Option<TenantFacts>> {
        let entitlements = ["trips".to_owned()].into();
        let facts = TenantFacts { sector: Sector::Logistics, simulated: true, entitlements };
        Box::pin(async move { Ok(Some(facts)) })
    }
}

impl Fleet for Neighbours {
    /// The names and fields are the fleet's; the binary's own test reads the fleet's fixtures.
    fn event(&self, event: &Envelope) -> Result<Option<FleetEvent>, Fault> {
        let vehicle = event.stream.id().parse().ok();
        let site = event.stream.id().parse().ok();
        let text = |name: &str| event.body[name].as_str().unwrap_or_default().to_owned();
        Ok(match event.r#type.as_str() {
            "vehicle.hold_placed" if text("timing") == "after_trip" => None,
            "vehicle.hold_placed" => {
                vehicle.map(|vehicle| FleetEvent::VehicleHeld { vehicle, kind: text("kind"), reason: text("reason") })
            }
            "vehicle.went_offline" => vehicle.map(FleetEvent::VehicleOffline),
            "vehicle.came_online" => vehicle.map(FleetEvent::VehicleMayBeReady),
            "site.roads_closed" | "site.restriction_began" => site.map(FleetEvent::RoadsRestricted),
            "site.restriction_lifted" | "site.restriction_ended" => site.map(FleetEvent::RoadsChanged),
            _ => None,
        })
    }

    fn site<'a>(&'a self, _: &'a Ctx, _: &'a SiteId, _: &'a [Coordinate]) -> Answer<'a, Option<SiteFacts>> {
        let facts = SiteFacts::default();
        Box::pin(async move { Ok(Some(facts)) })
    }

    fn falls_short<'a>(&'a self, _: &'a Ctx, needs: &'a Requirements) -> Answer<'a, Option<Abilities>> {
        let fleet = Abilities { capabilities: ["lift".to_owned()].into(), ..Abilities::default() };
        Box::pin(async move { Ok((!fleet.suffice(needs)).then_some(fleet)) })
    }

    fn vehicles<'a>(&'a self, _: &'a Ctx, site: &'a SiteId) -> Answer<'a, Vec<VehicleFacts>> {
        let told = self.told();
        let with_claim =
            |facts: &VehicleFacts| answered(facts, facts.claimed || told.claims.contains_key(&facts.vehicle));
        let vehicles = told.vehicles.iter().filter(|facts| facts.site == *site).map(with_claim).collect();
        Box::pin(async move { Ok(vehicles) })
    }

    fn vehicle<'a>(&'a self, _: &'a Ctx, vehicle: VehicleId) -> Answer<'a, Option<VehicleFacts>> {
        let told = self.told();
        let facts = told.vehicles.iter().find(|facts| facts.vehicle == vehicle);
        let facts = facts.map(|facts| answered(facts, facts.claimed));
        Box::pin(async move { Ok(facts) })
    }

    fn take_claim<'a>(&'a self, _: &'a Ctx, trip: TripId, vehicle: VehicleId, _: u64) -> Answer<'a, u64> {
        let mut told = self.told();
        let answer = if told.claim_refused.contains(&vehicle) {
            Err(Reject::new(Code::VehicleUnavailable, "an update begins").into())
        } else {
            let (_, epoch) = *told.claims.entry(vehicle).or_insert((trip, 1));
            match told.claim_answer_lost.remove(&vehicle) {
                true => Err(CommandError::Fault(Fault::Overloaded)),
                false => Ok(epoch),
            }
        };
        Box::pin(async move { answer })
    }

    fn release_claim<'a>(&'a self, _: &'a Ctx, trip: TripId, vehicle: VehicleId, _: Option<u64>) -> Answer<'a, ()> {
        let mut told = self.told();
        if told.claims.get(&vehicle).is_some_and(|(holder, _)| *holder == trip) {
            told.claims.remove(&vehicle);
        }
        Box::pin(async move { Ok(()) })
    }

    fn withdraw_claim<'a>(&'a self, _: &'a Ctx, trip: TripId, vehicle: VehicleId, epoch: u64) -> Answer<'a, ()> {
        self.told().withdrawn.insert((vehicle, trip, epoch));
        Box::pin(async move { Ok(()) })
    }

    fn claim<'a>(&'a self, _: &'a Ctx, trip: TripId, vehicle: VehicleId) -> Answer<'a, ClaimFacts> {
        let told = self.told();
        let current =
            |(holder, epoch): &(TripId, u64)| *holder == trip && !told.withdrawn.contains(&(vehicle, trip, *epoch));
        let is_current = told.claims.get(&vehicle).is_some_and(current);
        let valid_until = Some(told.valid_until.unwrap_or(START.plus_ms(60_000)));
        Box::pin(async move { Ok(ClaimFacts { is_current, valid_until }) })
    }

    fn closed_zones_at<'a>(
        &'a self,
        _: &'a Ctx,
        _: &'a SiteId,
        _: Coordinate,
        _: &'a BTreeSet<String>,
    ) -> Answer<'a, BTreeSet<String>> {
        Box::pin(async move { Ok(BTreeSet::new()) })
    }
}

impl Routing for Neighbours {
    fn off_map<'a>(
        &'a self,
        _: &'a Ctx,
        _: &'a SiteId,
        places: &'a [Coordinate],
        _: f64,
    ) -> Answer<'a, Vec<Option<String>>> {
        let off_road = &self.told().off_road;
        // Pickups are one degree further north than vehicles.
        let is_off = |place: &Coordinate| place.lat() < 1.0 && off_road.contains(&number_of(*place));
        let problem = |place: &Coordinate| is_off(place).then(|| "in a field".to_owned());
        let problems = places.iter().map(problem).collect();
        Box::pin(async move { Ok(problems) })
    }

    fn route<'a>(&'a self, _: &'a Ctx, query: RouteQuery<'a>) -> Answer<'a, RouteAnswer> {
        let told = self.told();
        let blocked =
            query.vehicle.is_some_and(|vehicle| told.no_way_for.contains(&vehicle.vehicle)) || told.unroutable;
        let answer = match blocked {
            true => RouteAnswer::Unroutable { reason: "the bridge is too low".into() },
            false => RouteAnswer::Found(RouteFound {
                points: vec![query.from, query.to],
                steps: vec![RouteStep { length_m: 500.0, speed_mps: 8.0, no_stop: false }],
                distance_m: 500.0,
                duration_ms: 62_500,
                map_digest: "a1".into(),
                ..RouteFound::default()
            }),
        };
        Box::pin(async move { Ok(answer) })
    }

    fn drive_estimates<'a>(
        &'a self,
        _: &'a Ctx,
        _: &'a SiteId,
        from: &'a [Coordinate],
        to: &'a [Coordinate],
        _: &'a Constraints,
    ) -> Answer<'a, Vec<Vec<Option<DriveEstimate>>>> {
        let told = self.told();
        let reach = |from: Coordinate, to: Coordinate| {
            let duration_ms = told.reach_ms.get(&(number_of(from), number_of(to))).copied().unwrap_or(Some(60_000))?;
            Some(DriveEstimate { duration_ms, distance_m: duration_ms as f64 / 200.0 })
        };
        let all = from.iter().map(|&from| to.iter().map(|&to| reach(from, to)).collect()).collect();
        Box::pin(async move { Ok(all) })
    }

    fn obstacles<'a>(&'a self, _: &'a Ctx, _: &'a SiteId, _: &'a [Coordinate]) -> Answer<'a, Vec<Obstacle>> {
        let obstacles = self.told().obstacles.pop_front().unwrap_or_default();
        Box::pin(async move { Ok(obstacles) })
    }

    fn exceeded_limit<'a>(&'a self, _: &'a Ctx, _: &'a SiteId, _: &'a [PlannedSpeed]) -> Answer<'a, Option<String>> {
        let exceeded = self.told().exceeded_limits.pop_front();
        Box::pin(async move { Ok(exceeded) })
    }

    fn map_digest<'a>(&'a self, _: &'a Ctx, _: &'a SiteId) -> Answer<'a, Option<String>> {
        Box::pin(async move { Ok(Some("a1".into())) })
    }
}

impl Positions for Neighbours {
    fn route_progress<'a>(&'a self, _: &'a Ctx, _: VehicleId, _: TripId) -> Answer<'a, Option<RouteProgress>> {
        let under_way = self.told().under_way;
        Box::pin(async move { Ok(under_way) })
    }
}

impl SectorWork for Neighbours {
    fn trip_facts<'a>(&'a self, _: &'a Ctx, _: &'a TripRequest) -> Answer<'a, Vec<policy::Fact>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn frozen<'a>(&'a self, _: &'a Ctx) -> Answer<'a, Option<trips::trip::types::FrozenSector>> {
        Box::pin(async { Ok(None) })
    }

    fn vehicle_facts<'a>(
        &'a self,
        _: &'a Ctx,
        _: &'a [VehicleId],
    ) -> Answer<'a, std::collections::BTreeMap<VehicleId, Vec<policy::Fact>>> {
        Box::pin(async { Ok(std::collections::BTreeMap::new()) })
    }

    fn needed_facts(&self, _: &Ctx, _: &std::collections::BTreeMap<String, String>) -> Vec<policy::Fact> {
        Vec::new()
    }
}

impl Listener for Neighbours {
    fn up_since(&self) -> Option<Timestamp> {
        Some(self.told().up_since.unwrap_or(START))
    }
}

/// Trips, their store and their neighbours.
pub struct World {
    pub neighbours: Arc<Neighbours>,
    pub store: Arc<MemoryStore>,
    pub services: Services,
}

fn engine() -> Arc<Engine> {
    static ENGINE: OnceLock<Arc<Engine>> = OnceLock::new();
    Arc::clone(ENGINE.get_or_init(|| {
        Arc::new(Engine::new(Bundle::shipped(&[fleet::actions::POLICY, trips::actions::POLICY]).unwrap()))
    }))
}

impl World {
    pub fn with(vehicles: Vec<VehicleFacts>) -> Self {
        let neighbours = Arc::new(Neighbours::default());
        neighbours.told().vehicles = vehicles;
        let store = Arc::new(MemoryStore::new(Arc::new(PlainSigner)));
        let services = Self::service(&neighbours, store.clone());
        Self { neighbours, store, services }
    }

    pub fn service(neighbours: &Arc<Neighbours>, store: Arc<dyn Store>) -> Services {
        let ports = Ports {
            tenants: Arc::clone(neighbours) as Arc<dyn Tenants>,
            fleet: Arc::clone(neighbours) as Arc<dyn Fleet>,
            routing: Arc::clone(neighbours) as Arc<dyn Routing>,
            positions: Arc::clone(neighbours) as Arc<dyn Positions>,
            listener: Arc::clone(neighbours) as Arc<dyn Listener>,
            sector_work: Arc::clone(neighbours) as Arc<dyn SectorWork>,
        };
        Services::new(Trips::new(
            store,
            engine(),
            ports,
            Arc::clone(neighbours) as Arc<dyn CtxSource>,
            Settings { claim_valid_for_s: 120 },
        ))
    }

    /// The process starts again: nothing in memory is left.
    pub fn restarts(&mut self) {
        self.services = Self::service(&self.neighbours, self.store.clone());
    }

    pub fn told(&self) -> MutexGuard<'_, Told> {
        self.neighbours.told()
    }

    pub fn passes(&self, ms: i64) {
        self.neighbours.later_ms.fetch_add(ms, Ordering::Relaxed);
    }

    pub fn now(&self) -> Timestamp {
        self.neighbours.now()
    }

    pub fn ctx(&self) -> Ctx {
        let client = Actor::principal(PrincipalId::from_u128((0x019b << 112) | 1), "dispatcher");
        let mut ctx = Ctx::new(&*self.neighbours, tenant(), client).at_site(site()).in_sector(Sector::Logistics);
        ctx.simulated = true;
        ctx
    }

    /// Vehicle `n` is known from now on, and connects.
    pub fn connects(&self, vehicle: VehicleFacts) {
        let whom = Subject::new("vehicle", vehicle.vehicle);
        self.told().vehicles.push(vehicle);
        let event = NewEvent::new(&self.ctx(), whom, "vehicle.came_online", 1, serde_json::json!({}));
        block_on(self.store.commit(Commit::new(tenant(), Vec::new(), vec![event]).unwrap())).unwrap();
    }

    /// The vehicles tell where they are and how they do.
    pub fn hears_of_all(&self) {
        let now = self.now();
        self.told().vehicles.iter_mut().for_each(|vehicle| vehicle.seen_at = now);
    }

    pub fn journal_size(&self) -> u64 {
        block_on(self.store.head(&tenant())).unwrap().map_or(0, |head| head.size)
    }

    /// The trip's vehicle refuses its dispatch, and its claim ends.
    pub fn rejects(&self, trip: TripId, code: &str, reason: &str) {
        let held = self.trip(trip).assignment.unwrap();
        let report = VehicleReport {
            vehicle: held.vehicle,
            trip,
            boot: BootId::from_u128((0x019b << 112) | 9),
            seq: self.now().as_us().unsigned_abs() / 1_000 % 1_000_000 + self.journal_size(),
            claim_epoch: held.claim_epoch,
            vehicle_time: self.now(),
            at: place_of_vehicle(0),
            odometer_m: 0.0,
            mode: "AUTONOMOUS".into(),
            occupied: false,
            kind: ReportKind::Rejected { code: code.into(), reason: reason.into() },
        };
        block_on(self.services.trips.report(&self.ctx(), &report)).unwrap();
        self.told().claims.remove(&held.vehicle);
    }

    /// Asks for trip `n` at another site.
    pub fn asks_at(&self, site: &str, n: usize) -> TripId {
        let stops = vec![Stop { at: pickup(n) }, Stop { at: Coordinate::new(2.0, 0.0).unwrap() }];
        let (kind, window, requirements) = (Kind::Delivery, Window::default(), Requirements::default());
        let request = TripRequest { site: site.parse().unwrap(), kind, stops, requirements, priority: 0, window };
        let ctx = self.ctx().at_site(request.site.clone());
        block_on(self.services.trips.request(&ctx, request, None)).unwrap().id
    }

    /// Looks at every site where something changed, as the server's loop does; answers how many trips got a vehicle.
    pub fn looks(&self) -> usize {
        block_on(self.services.dispatch.run_batches()).unwrap().assigned
    }

    /// Asks for trip `n`.
    pub fn asks(&self, n: usize, priority: u8, requirements: Requirements) -> TripId {
        let stops = vec![Stop { at: pickup(n) }, Stop { at: Coordinate::new(2.0, 0.0).unwrap() }];
        self.asks_with(stops, priority, requirements)
    }

    /// Asks for a trip with so many stops.
    pub fn asks_by_stops(&self, stops: usize) -> TripId {
        let stops = (0..stops).map(|n| Stop { at: Coordinate::new(1.0 + n as f64 / 10.0, 0.0).unwrap() });
        self.asks_with(stops.collect(), 0, Requirements::default())
    }

    fn asks_with(&self, stops: Vec<Stop>, priority: u8, requirements: Requirements) -> TripId {
        let (site, kind, window) = (site(), Kind::Delivery, Window::default());
        let request = TripRequest { site, kind, stops, requirements, priority, window };
        block_on(self.services.trips.request(&self.ctx(), request, None)).unwrap().id
    }

    /// Asks for an everyday trip `n`.
    pub fn asks_for(&self, n: usize) -> TripId {
        self.asks(n, 0, Requirements::default())
    }

    /// Runs a batch of the site; answers how many trips got a vehicle.
    pub fn dispatches(&self) -> usize {
        block_on(self.services.dispatch.run_batch(&tenant(), &site(), None)).unwrap().assigned
    }

    pub fn trip(&self, trip: TripId) -> Trip {
        block_on(self.services.trips.get(&tenant(), trip)).unwrap().unwrap()
    }

    /// The number of the vehicle that a trip has.
    pub fn vehicle_of(&self, trip: TripId) -> Option<usize> {
        let held = self.trip(trip).vehicle()?;
        (0..1_000).find(|&n| vehicle(n) == held)
    }

    /// The types of the trip's events, decisions left out.
    pub fn history(&self, trip: TripId) -> Vec<String> {
        let history = block_on(self.services.trips.history(&tenant(), trip, 0)).unwrap();
        history.items.into_iter().map(|item| item.event).filter(|event| event.starts_with("trip.")).collect()
    }
}
