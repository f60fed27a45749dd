//! A client asks for a trip (TRIP-1 to TRIP-4).

use std::collections::BTreeSet;

use kernel::id::StandingId;
use kernel::{Aggregate, Code, Ctx, FieldError, Reject, Subject, TripId};
use policy::{Constraints, Request};
use store::{CommandError, Extras, Idempotency, Once, execute_once};

use super::{Gathered, Trips};
use crate::actions;
use crate::facts::TripFacts;
use crate::ports::{RouteAnswer, RouteFound, RouteQuery, SiteFacts, VehicleFacts};
use crate::trip::decide::{Allowed, NewTrip};
use crate::trip::{Command, Trip, TripRequest, decide};

/// How far from a road a stop may be, in metres: across a yard or a parking lot, not across a valley.
const STOP_M_MAX: f64 = 250.0;

/// The routes from stop to stop of a trip that is asked for.
pub(crate) enum RequestedRoutes {
    Found(Vec<RouteFound>),
    /// An answer to the client, to be journaled with policy's decision; unlike an error, after which nothing was decided.
    Refused(Reject),
}

impl RequestedRoutes {
    pub(crate) fn into_result(self) -> Result<Vec<RouteFound>, Reject> {
        match self {
            Self::Found(routes) => Ok(routes),
            Self::Refused(reject) => Err(reject),
        }
    }
}

impl Trips {
    /// Asks for a trip. Allowed, it is stored and answered at once; the rest goes on without the caller. The same key
    /// with the same request gives the same answer, a refusal included (TRIP-10).
    ///
    /// # Errors
    /// `INVALID_REQUEST`, `UNKNOWN_CAPABILITY` and `OFF_MAP` name every wrong field; `POLICY_VIOLATION` carries the
    /// decision; `UNROUTABLE` says why no route exists; `CONFLICT` when the key stands for another request.
    pub async fn request(
        &self,
        ctx: &Ctx,
        request: TripRequest,
        idempotency: Option<Idempotency>,
    ) -> Result<Trip, CommandError> {
        self.request_for(ctx, request, idempotency, None).await
    }

    /// The same, for a standing order.
    pub(crate) async fn request_for(
        &self,
        ctx: &Ctx,
        request: TripRequest,
        idempotency: Option<Idempotency>,
        standing: Option<StandingId>,
    ) -> Result<Trip, CommandError> {
        let tenant = self.tenant(&ctx.tenant).await?;
        let id: TripId = ctx.new_id();
        let (request, entitlements) = (&request, &tenant.entitlements);
        let gather = |_| async move {
            tracing::Span::current().record("trip", tracing::field::display(id));
            let (decision, answer) = self.ask_policy(ctx, request, entitlements, Subject::new(Trip::KIND, id)).await?;
            let answer = answer.map(|()| Allowed {
                constraints: decision.constraints.clone(),
                decision: decision.id,
                policy_bundle: decision.bundle.clone(),
            });
            let requested_by = ctx.actor.id.clone();
            let simulated = ctx.simulated;
            let frozen = self.ports.sector_work.frozen(ctx).await?;
            let request = request.clone();
            let new = NewTrip { id, request, answer, requested_by, standing, frozen, simulated };
            Ok(Gathered::new(Command::Request(Box::new(new)), vec![decision.to_record()]))
        };
        let rules = |state: Option<&Trip>, gathered: &Gathered| decide(state, &gathered.command, ctx.now);
        match execute_once(&*self.store, ctx, &id, idempotency, Extras::default(), gather, rules).await? {
            Once::Now(outcome) => outcome.state.ok_or_else(super::no_such_trip),
            Once::Before { key } => self.as_created(&ctx.tenant, key.parse().map_err(|_| super::no_such_trip())?).await,
        }
    }

    /// What policy and the map say to a trip (TRIP-2).
    pub(crate) async fn ask_policy(
        &self,
        ctx: &Ctx,
        request: &TripRequest,
        entitlements: &BTreeSet<String>,
        subject: Subject,
    ) -> Result<(policy::Decision, Result<(), Reject>), CommandError> {
        let facts = self.site_facts(ctx, request).await?;
        let of_sector = self.ports.sector_work.trip_facts(ctx, request).await?;
        let question = Request::new(ctx, actions::REQUEST_TRIP, subject)
            .entitled_to(entitlements.iter().cloned())
            .facts(trip_facts(request, &facts).facts(ctx.now))
            .facts(of_sector);
        let decision = self.policy.decide(&question);
        let answer = match decision.is_allowed() {
            false => Err(decision.to_reject()),
            true => self.find_routes(ctx, request, &decision.constraints, None).await?.into_result().map(drop),
        };
        Ok((decision, answer))
    }

    /// Facts of the site, after the checks that need no policy: that the site, the capabilities and the places exist.
    async fn site_facts(&self, ctx: &Ctx, request: &TripRequest) -> Result<SiteFacts, CommandError> {
        let stops: Vec<_> = request.stops.iter().map(|stop| stop.at).collect();
        let facts = self.ports.fleet.site(ctx, &request.site, &stops).await?;
        let Some(facts) = facts else {
            return Err(no_such_site(request).into());
        };
        self.check_abilities(ctx, request).await?;
        let problems = self.ports.routing.off_map(ctx, &request.site, &stops, STOP_M_MAX).await?;
        let fields: Vec<FieldError> = problems
            .into_iter()
            .enumerate()
            .filter_map(|(index, problem)| {
                problem.map(|message| FieldError { field: request.stop_pointer(index), message })
            })
            .collect();
        if fields.is_empty() {
            return Ok(facts);
        }
        let mut reject = Reject::new(Code::OffMap, "a stop is too far from any road of the site's map");
        reject.fields = fields;
        Err(reject.into())
    }

    /// Refuses what no vehicle of the fleet can do, which would wait until it expires.
    async fn check_abilities(&self, ctx: &Ctx, request: &TripRequest) -> Result<(), CommandError> {
        let needs = &request.requirements;
        let Some(fleet) = self.ports.fleet.falls_short(ctx, needs).await? else { return Ok(()) };
        let wrong = |field: &str, message| FieldError { field: format!("/requirements/{field}"), message };
        let known = match fleet.capabilities.is_empty() {
            true => "none".into(),
            false => fleet.capabilities.iter().cloned().collect::<Vec<_>>().join(", "),
        };
        let unknown = needs.capabilities.difference(&fleet.capabilities).map(|name| {
            let message = format!("{name}: no vehicle has it; the fleet's capabilities are: {known}");
            wrong("capabilities", message)
        });
        let seats = fleet.seats_max.filter(|seats| needs.passengers > *seats).map(|seats| {
            let message = format!("no vehicle has so many seats, the largest has {seats}: ask for several trips");
            wrong("passengers", message)
        });
        let payload = fleet.payload_max_kg.filter(|payload_kg| needs.payload_kg > *payload_kg).map(|payload_kg| {
            let message = format!("no vehicle carries so much, the largest {payload_kg} kg: ask for several trips");
            wrong("payload_kg", message)
        });
        let mut reject = Reject::new(Code::UnknownCapability, "no vehicle can do what the trip needs");
        reject.fields = unknown.chain(seats).chain(payload).collect();
        Err(reject.into())
    }

    /// The routes from stop to stop under limits, or why there is none, so that an impossible trip is refused while the
    /// client waits.
    pub(crate) async fn find_routes(
        &self,
        ctx: &Ctx,
        request: &TripRequest,
        constraints: &Constraints,
        vehicle: Option<&VehicleFacts>,
    ) -> Result<RequestedRoutes, CommandError> {
        let mut routes = Vec::with_capacity(request.stops.len());
        for (index, pair) in request.stops.windows(2).enumerate() {
            let query = RouteQuery { site: &request.site, from: pair[0].at, to: pair[1].at, constraints, vehicle };
            match self.ports.routing.route(ctx, query).await? {
                RouteAnswer::Found(found) => routes.push(found),
                RouteAnswer::Unroutable { reason } => {
                    let message = format!("no way leads there: {reason}");
                    return Ok(RequestedRoutes::Refused(Reject::new(Code::Unroutable, message)));
                }
                RouteAnswer::OffMap { is_origin, reason } => {
                    let at = request.stop_pointer(if is_origin { index } else { index + 1 });
                    let mut reject = Reject::new(Code::OffMap, format!("{at}: {reason}"));
                    reject.fields = vec![FieldError { field: at, message: reason }];
                    return Ok(RequestedRoutes::Refused(reject));
                }
            }
        }
        Ok(RequestedRoutes::Found(routes))
    }
}

/// Another tenant's site is answered alike.
fn no_such_site(request: &TripRequest) -> Reject {
    let message = format!("there is no site {}", request.site);
    let mut reject = Reject::new(Code::NotFound, message.clone());
    reject.fields = vec![FieldError { field: "/site".into(), message }];
    reject
}

fn trip_facts(request: &TripRequest, site: &SiteFacts) -> TripFacts {
    TripFacts {
        kind: request.kind.as_str().into(),
        closed_at_stops: site.closed_at_stops.clone(),
        zone_kinds_at_stops: site.zone_kinds_at_stops.clone(),
        avoided_zones: site.avoided_zones.clone(),
        passengers: request.requirements.passengers,
        payload_kg: request.requirements.payload_kg,
        required_capabilities: request.requirements.capabilities.clone(),
        distance_m: request.distance_m(),
    }
}
