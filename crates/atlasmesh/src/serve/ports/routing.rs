//! What trips asks of the road graph.

use std::sync::Arc;

use fleet::Site;
use fleet::site::{ClosureClass, Restriction};
use kernel::{Coordinate, Ctx, SiteId};
use policy::Constraints;
use routing::{Area, Closure, Extent, RoadGraph, Route, RouteError, RouteRequest, SpeedCap};
use store::CommandError;
use tracing::Instrument;
use tracing::field::Empty;
use trips::ports::{
    Answer, DriveEstimate, Obstacle, PlannedSpeed, RouteAnswer, RouteFound, RouteQuery, RouteStep, Routing,
};

use super::fleet::name_of;
use super::{Neighbours, unreadable};

/// Vehicles further away than this, in milliseconds of driving, are not considered for a trip: two hours.
const REACH_MS_MAX: u64 = 2 * 3_600_000;
/// Speeds that differ by less are the same, in metres per second.
const SAME_SPEED_MPS: f64 = 0.05;

impl Neighbours {
    async fn graph(&self, ctx: &Ctx, site: &SiteId) -> Result<Option<(Site, Arc<RoadGraph>)>, CommandError> {
        let Some(known) = self.fleet.site(&ctx.tenant, site).await? else { return Ok(None) };
        let graph = self.maps.load(&known.map.digest).await.map_err(unreadable)?;
        Ok(Some((known, graph)))
    }

    /// The speed limits in force in areas of a site: as they were drawn, or the sector's for such places where that is lower.
    async fn speed_caps(&self, ctx: &Ctx, site: &Site) -> Result<Vec<SpeedCap>, CommandError> {
        let mut caps: Vec<SpeedCap> = Vec::new();
        if !site.has_speed_limits() {
            return Ok(caps);
        }
        let of_places = self.sectors.speed_limits(&ctx.tenant).await?;
        for (_, restriction) in in_force(site, ctx) {
            let Restriction::SpeedLimit { place, polygon, reason, .. } = restriction else { continue };
            let id = place.as_ref().unwrap_or(reason).clone();
            let area = Area { id, corners: polygon.clone() };
            caps.extend(restriction.max_speed_mps(&of_places).map(|max_speed_mps| SpeedCap { area, max_speed_mps }));
        }
        Ok(caps)
    }

    /// What a route must obey: the limits that policy set, what is in force of the site's zones, closures and speed limits,
    /// and the vehicle's own limit.
    async fn constraints(
        &self,
        site: &Site,
        ctx: &Ctx,
        limits: &Constraints,
        vehicle_max_speed_mps: Option<f64>,
    ) -> Result<routing::Constraints, CommandError> {
        let closure = |(id, restriction): (&String, &Restriction)| {
            Some(Closure {
                id: name_of(id, restriction).to_owned(),
                extent: Extent::Polygon(restriction.polygon().to_vec()),
                class: match restriction.class()? {
                    ClosureClass::NoEntry => routing::ClosureClass::NoEntry,
                    ClosureClass::Stop => routing::ClosureClass::Stop,
                    ClosureClass::Evacuate => routing::ClosureClass::Evacuate,
                },
            })
        };
        Ok(routing::Constraints {
            max_speed_mps: limits.max_speed_mps.into_iter().chain(vehicle_max_speed_mps).reduce(f64::min),
            closures: in_force(site, ctx).filter_map(closure).collect(),
            speed_caps: self.speed_caps(ctx, site).await?,
            ..Default::default()
        })
    }
}

fn in_force<'a>(site: &'a Site, ctx: &Ctx) -> impl Iterator<Item = (&'a String, &'a Restriction)> {
    let now = ctx.now;
    site.restrictions.iter().filter(move |(_, restriction)| restriction.in_force(now))
}

fn found(graph: &RoadGraph, route: Route) -> RouteFound {
    // Both ends are one place: there is no line to follow.
    let is_line = route.points.len() > 1;
    RouteFound {
        points: if is_line { route.points } else { Vec::new() },
        steps: route
            .steps
            .iter()
            .filter(|_| is_line)
            .map(|step| RouteStep {
                length_m: step.length_m,
                speed_mps: step.speed_mps,
                no_stop: step.no_stop.is_some(),
            })
            .collect(),
        distance_m: route.distance_m,
        duration_ms: route.duration_ms,
        binding: route.binding,
        zones: Default::default(),
        map_digest: graph.digest(),
    }
}

impl Routing for Neighbours {
    fn off_map<'a>(
        &'a self,
        ctx: &'a Ctx,
        site: &'a SiteId,
        places: &'a [Coordinate],
        limit_m: f64,
    ) -> Answer<'a, Vec<Option<String>>> {
        Box::pin(async move {
            let Some((_, graph)) = self.graph(ctx, site).await? else {
                return Ok(places.iter().map(|_| Some(format!("site {site} has no map"))).collect());
            };
            let problem = |&place: &Coordinate| graph.snap(place, limit_m).err().map(|error| error.to_string());
            Ok(places.iter().map(problem).collect())
        })
    }

    fn route<'a>(&'a self, ctx: &'a Ctx, query: RouteQuery<'a>) -> Answer<'a, RouteAnswer> {
        let span = tracing::debug_span!("route", tenant = %ctx.tenant, site = %query.site, distance_m = Empty);
        let search = async move {
            let Some((site, graph)) = self.graph(ctx, query.site).await? else {
                return Ok(RouteAnswer::Unroutable { reason: format!("site {} has no map", query.site) });
            };
            let limit = query.vehicle.and_then(|vehicle| vehicle.max_speed_mps);
            let constraints = self.constraints(&site, ctx, query.constraints, limit).await?;
            let request = RouteRequest { from: query.from, to: query.to, constraints };
            let answer = tokio::task::block_in_place(|| graph.route(&request));
            Ok(match answer {
                Ok(route) => {
                    tracing::Span::current().record("distance_m", route.distance_m);
                    RouteAnswer::Found(found(&graph, route))
                }
                Err(error @ RouteError::OffMap { lat, lon, .. }) => RouteAnswer::OffMap {
                    is_origin: (lat, lon) == (query.from.lat(), query.from.lon()),
                    reason: error.to_string(),
                },
                Err(error) => RouteAnswer::Unroutable { reason: error.to_string() },
            })
        };
        Box::pin(search.instrument(span))
    }

    fn drive_estimates<'a>(
        &'a self,
        ctx: &'a Ctx,
        site: &'a SiteId,
        from: &'a [Coordinate],
        to: &'a [Coordinate],
        limits: &'a Constraints,
    ) -> Answer<'a, Vec<Vec<Option<DriveEstimate>>>> {
        Box::pin(async move {
            let none = || vec![vec![None; to.len()]; from.len()];
            let Some((site, graph)) = self.graph(ctx, site).await? else { return Ok(none()) };
            let rules = match graph.resolve(&self.constraints(&site, ctx, limits, None).await?) {
                Ok(rules) => rules,
                Err(error) => return Err(unreadable(error)),
            };
            let durations =
                tokio::task::block_in_place(|| graph.matrix(from, to, &rules, REACH_MS_MAX)).map_err(unreadable)?;
            let rows = durations.into_iter().zip(from).map(|(row, &start)| {
                let cells = row.into_iter().zip(to).map(|(cell, &end)| {
                    // The straight line is the least that it can be; the route itself is found once a pair is chosen.
                    cell.map(|duration_ms| DriveEstimate { duration_ms, distance_m: start.distance_m(end) })
                });
                cells.collect()
            });
            Ok(rows.collect())
        })
    }

    fn obstacles<'a>(&'a self, ctx: &'a Ctx, site: &'a SiteId, line: &'a [Coordinate]) -> Answer<'a, Vec<Obstacle>> {
        Box::pin(async move {
            let Some(known) = self.fleet.site(&ctx.tenant, site).await? else { return Ok(Vec::new()) };
            let obstacle = |(id, restriction): (&String, &Restriction)| {
                let stops_inside = restriction.class()? == ClosureClass::Stop;
                let name = name_of(id, restriction).to_owned();
                let area = Area { id: name.clone(), corners: restriction.polygon().to_vec() };
                let holds_start = line.first().is_some_and(|&start| area.contains(start));
                area.touches(line).then_some(Obstacle { name, holds_start, stops_inside })
            };
            Ok(in_force(&known, ctx).filter_map(obstacle).collect())
        })
    }

    fn exceeded_limit<'a>(
        &'a self,
        ctx: &'a Ctx,
        site: &'a SiteId,
        planned: &'a [PlannedSpeed],
    ) -> Answer<'a, Option<String>> {
        Box::pin(async move {
            let Some(known) = self.fleet.site(&ctx.tenant, site).await? else { return Ok(None) };
            let caps = self.speed_caps(ctx, &known).await?;
            let exceeds = |cap: &&SpeedCap| {
                let too_fast = planned.iter().filter(|piece| piece.speed_mps > cap.max_speed_mps + SAME_SPEED_MPS);
                too_fast.into_iter().any(|piece| cap.area.touches(&piece.line))
            };
            let text = |cap: &SpeedCap| format!("the speed limit of {} m/s: {}", cap.max_speed_mps, cap.area.id);
            Ok(caps.iter().find(exceeds).map(text))
        })
    }

    fn map_digest<'a>(&'a self, ctx: &'a Ctx, site: &'a SiteId) -> Answer<'a, Option<String>> {
        Box::pin(async move { Ok(self.fleet.site(&ctx.tenant, site).await?.map(|site| site.map.digest)) })
    }
}
