//! What trips must know of the sector's work before policy decides about them. A fact is left out where the sector has none.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{Coordinate, Ctx, Known, Sector, SiteId, VehicleId, polygon};
use policy::{Fact, FactValue};
use store::CommandError;

use super::{Sectors, areas, units};
use crate::clearance::{Cleared, Level};
use crate::emission::Emissions;
use crate::place::{Place, PlaceKind};

/// The capability that a trip for somebody with a wheelchair asks for.
const WHEELCHAIR: &str = "wheelchair";
/// What a trip names of its job and of its classification.
const JOB: &str = "job";
const CLASSIFICATION: &str = "classification";

/// A trip that is asked for, as far as the sectors' work is concerned.
#[derive(Debug, Clone, Copy)]
pub struct AskedTrip<'a> {
    pub kind: &'a str,
    /// In their order.
    pub stops: &'a [Coordinate],
    pub payload_kg: f64,
    pub passengers: u32,
    pub capabilities: &'a BTreeSet<String>,
    /// What it names of its job and of its classification.
    pub attributes: &'a BTreeMap<String, String>,
    pub site: &'a SiteId,
}

/// Facts as they are found.
struct Found<'a> {
    ctx: &'a Ctx,
    facts: Vec<Fact>,
}

impl Found<'_> {
    fn add(&mut self, name: &str, value: impl Into<FactValue>) {
        self.facts.push(Fact::new(name, value, self.ctx.now));
    }
}

impl Sectors {
    /// The facts of a trip that is asked for.
    ///
    /// # Errors
    /// A fault.
    pub async fn trip_facts(&self, ctx: &Ctx, asked: &AskedTrip<'_>) -> Result<Vec<Fact>, CommandError> {
        let AskedTrip { kind, stops, payload_kg, passengers, capabilities, attributes, site } = *asked;
        let mut found = Found { ctx, facts: Vec::new() };
        self.blast_facts(&mut found, stops, site).await?;
        if kind == "haul" {
            self.load_facts(&mut found, stops, payload_kg, site).await?;
        }
        if let Some(job) = attributes.get(JOB) {
            let (is_released, conflicts) = self.job_facts(&ctx.tenant, job).await?;
            found.add("job_released", is_released);
            found.add("segregation_conflicts", conflicts);
        }
        if kind == "passenger" || passengers > 0 {
            self.service_facts(&mut found, stops, capabilities, site).await?;
        }
        self.unit_facts(&mut found, attributes, site).await?;
        Ok(found.facts)
    }

    /// The facts of vehicles that may take a trip; only where the tenant clears its vehicles.
    ///
    /// # Errors
    /// A fault.
    pub async fn vehicle_facts(
        &self,
        ctx: &Ctx,
        vehicles: &[VehicleId],
    ) -> Result<BTreeMap<VehicleId, Vec<Fact>>, CommandError> {
        let mut facts = BTreeMap::new();
        if !is_defense(ctx) {
            return Ok(facts);
        }
        let clears = self.has(ctx, units::CLEARANCES).await?;
        let emissions = match &ctx.site {
            Known::Known(site) => self.emissions(&ctx.tenant, site).await?,
            _ => None,
        };
        for &vehicle in vehicles {
            let mut found = Found { ctx, facts: Vec::new() };
            if clears {
                let level = self.level_of(ctx, Cleared::Vehicle, &vehicle.to_string()).await?;
                found.add("asset_level", level.rank());
            }
            if let Some(known) = &emissions {
                found.add("emission_state", known.state.as_str());
            }
            facts.insert(vehicle, found.facts);
        }
        Ok(facts)
    }

    /// What a trip asks of the vehicle that takes it.
    pub fn needed_facts(&self, ctx: &Ctx, attributes: &BTreeMap<String, String>) -> Vec<Fact> {
        let mut found = Found { ctx, facts: Vec::new() };
        if is_defense(ctx) {
            found.add("mission_level", mission_level(attributes));
        }
        found.facts
    }

    /// Where a blast is under way it is told whatever the tenant has: what keeps people out of an area does not end with a
    /// subscription.
    async fn blast_facts(
        &self,
        found: &mut Found<'_>,
        stops: &[Coordinate],
        site: &SiteId,
    ) -> Result<(), CommandError> {
        let closed = self.closed_blasts(&found.ctx.tenant, site).await?;
        if closed.is_empty() && !matches!(found.ctx.sector, Known::Known(Sector::Mining)) {
            return Ok(());
        }
        let here = closed.iter().filter(|(_, blast)| stops.iter().any(|stop| polygon::contains(&blast.area, *stop)));
        let phases: BTreeSet<String> = here.map(|(_, blast)| blast.phase.as_str().to_owned()).collect();
        found.add("blast_phases", phases);
        Ok(())
    }

    async fn load_facts(
        &self,
        found: &mut Found<'_>,
        stops: &[Coordinate],
        payload_kg: f64,
        site: &SiteId,
    ) -> Result<(), CommandError> {
        let Some(origin) = stops.first() else { return Ok(()) };
        let places = self.places_of(&found.ctx.tenant, site).await?;
        let faces = places.iter().map(|(_, place)| place).filter(|place| place.of.kind == PlaceKind::LoadFace);
        let loader = faces.filter(|face| face.holds(*origin)).find_map(|face| face.of.loader);
        if let Some(loader) = loader {
            // A float becomes the nearest whole number that there is: a payload is finite and not negative.
            found.add("load_passes", (payload_kg / loader.bucket_kg).ceil() as i64);
            found.add("load_passes_max", loader.passes_max);
        }
        Ok(())
    }

    /// Nothing where no area was drawn and no pick-up place named: then the sector's own rules are all that there is.
    async fn service_facts(
        &self,
        found: &mut Found<'_>,
        stops: &[Coordinate],
        capabilities: &BTreeSet<String>,
        site: &SiteId,
    ) -> Result<(), CommandError> {
        let ctx = found.ctx;
        if !self.has(ctx, areas::FEATURE).await? {
            return Ok(());
        }
        let areas = self.areas_of(&ctx.tenant, site).await?;
        let around: Vec<_> = areas.iter().map(|(_, area)| area).filter(|area| area.holds(stops)).collect();
        let open: Vec<_> = around.iter().filter(|area| area.is_open(ctx.now)).collect();
        if !areas.is_empty() {
            found.add("in_service_area", !around.is_empty());
            found.add("service_open", !open.is_empty());
        }
        let places = self.places_of(&ctx.tenant, site).await?;
        let pick_up: Vec<&Place> =
            places.iter().map(|(_, place)| place).filter(|place| place.of.kind == PlaceKind::PickUpPlace).collect();
        let origin = stops.first();
        let at_origin: Vec<_> =
            pick_up.iter().filter(|place| origin.is_some_and(|origin| place.holds(*origin))).collect();
        if !pick_up.is_empty() {
            found.add("at_pick_up_place", !at_origin.is_empty());
        }
        if capabilities.contains(WHEELCHAIR) && !(areas.is_empty() && pick_up.is_empty()) {
            let by_area = areas.is_empty() || open.iter().any(|area| area.of.wheelchair);
            let by_place = pick_up.is_empty() || at_origin.iter().any(|place| place.of.wheelchair);
            found.add("wheelchair", by_area && by_place);
        }
        Ok(())
    }

    async fn unit_facts(
        &self,
        found: &mut Found<'_>,
        attributes: &BTreeMap<String, String>,
        site: &SiteId,
    ) -> Result<(), CommandError> {
        let ctx = found.ctx;
        if is_defense(ctx) && self.has(ctx, units::CLEARANCES).await? {
            let operator = self.level_of(ctx, Cleared::Principal, &ctx.actor.id).await?;
            found.add("mission_level", mission_level(attributes));
            found.add("operator_level", operator.rank());
        }
        let emissions = self.emissions(&ctx.tenant, site).await?;
        if emissions.is_some() || (is_defense(ctx) && self.has(ctx, units::EMISSIONS).await?) {
            let state = emissions.map_or_else(Emissions::default, |known| known.state);
            found.add("emission_state", state.as_str());
        }
        Ok(())
    }
}

fn is_defense(ctx: &Ctx) -> bool {
    matches!(ctx.sector, Known::Known(Sector::Defense))
}

fn mission_level(attributes: &BTreeMap<String, String>) -> i64 {
    Level::of_trip(attributes.get(CLASSIFICATION).map(String::as_str)).rank()
}
