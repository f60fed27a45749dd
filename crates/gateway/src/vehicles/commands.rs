//! Commands on their way to vehicles: each is a row until its end is known. What implies a command is an event of the
//! journal; the row is written behind the durable cursor that read it; the session of the vehicle, whenever there is
//! one, delivers from the row.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kernel::assist::Answer;
use kernel::id::{AssistId, EventId, TypedId};
use kernel::{BoxFuture, CommandId, RouteId, TenantId, Timestamp, TripId, VehicleId};
use link::delivery::{Class, Delivery, Held, Move, Redelivery, redeliver};
use link::{CommandReport, issue, v1};
use serde::{Deserialize, Serialize};
use store::due::DueHandler;
use store::port::{CommitError, Fault, Guard, ListQuery, Store};
use store::{CommandError, Expected, Row, RowBody, RowWrite, TableSpec};

/// Commands to vehicles, with their delivery state.
pub const VEHICLE_COMMANDS: TableSpec =
    TableSpec::machinery("vehicle_commands", &["vehicle", "open"]).read_by(&[&["vehicle"], &["vehicle", "open"]]);

/// What the end of a restrictive command is called among commands.
pub const CLEARANCE: &str = "clearance";

/// How often a change of one command is tried against another at the same moment: its session and its issuer.
const ATTEMPTS_MAX: usize = 8;

/// Commands of one vehicle in one read: far beyond what one vehicle is ever told at once.
const OPEN_MAX: usize = 100;

/// How long a command whose end is known is kept after it was issued, in milliseconds: a week, in which people ask what a
/// vehicle was told; the journal has what it followed from for ever.
const KEPT_MS: i64 = 7 * 86_400_000;

/// Removes commands whose end has been known for long enough.
pub struct Retirement(pub Arc<dyn Store>);

impl DueHandler for Retirement {
    fn table(&self) -> TableSpec {
        VEHICLE_COMMANDS
    }

    fn due<'a>(&'a self, tenant: &'a TenantId, key: &'a str, _: Guard) -> BoxFuture<'a, Result<(), CommandError>> {
        Box::pin(async move {
            match self.0.write(tenant, vec![RowWrite::delete(VEHICLE_COMMANDS, key, Expected::Any)]).await {
                Ok(()) | Err(CommitError::Conflict { .. } | CommitError::Fenced(_)) => Ok(()),
                Err(CommitError::Fault(fault)) => Err(fault.into()),
            }
        })
    }
}

/// A command as its row holds it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StoredCommand {
    /// The vehicle.
    pub vehicle: VehicleId,
    /// What it is, for people: dispatch, stop, cancel, …
    pub kind: String,
    /// permissive or restrictive.
    pub class: String,
    /// The claim epoch under which it acts; 0 where none is needed.
    pub claim_epoch: u64,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it expires; restrictive ones never do.
    pub expires_at: Option<Timestamp>,
    /// Where it is: issued, delivered, accepted, rejected, done, expired.
    pub state: String,
    /// The vehicle's stable code for refusing it.
    pub code: Option<String>,
    /// The vehicle's reason.
    pub reason: Option<String>,
    /// The message, as it goes over the wire, base64.
    message: String,
}

/// The name of a delivery state in rows and answers.
fn state_name(state: Delivery) -> &'static str {
    match state {
        Delivery::Issued => "issued",
        Delivery::Delivered => "delivered",
        Delivery::Accepted => "accepted",
        Delivery::Rejected => "rejected",
        Delivery::Done => "done",
        Delivery::Expired => "expired",
    }
}

fn state_of(name: &str) -> Delivery {
    use Delivery::{Accepted, Delivered, Done, Expired, Issued, Rejected};
    [Issued, Delivered, Accepted, Rejected, Done, Expired]
        .into_iter()
        .find(|state| state_name(*state) == name)
        .unwrap_or(Issued)
}

/// The id of the command that an event implies: the same event always gives the same command, so that performing the
/// effect twice sends nothing new.
pub fn id_of_event(event: EventId) -> CommandId {
    CommandId::from_u128(event.as_u128())
}

fn key(vehicle: VehicleId, command: CommandId) -> String {
    format!("{vehicle}/{command}")
}

impl StoredCommand {
    /// A command that was not delivered yet.
    pub fn new(
        id: CommandId,
        vehicle: VehicleId,
        kind: &str,
        claim_epoch: u64,
        issued_at: Timestamp,
        body: v1::command::Body,
    ) -> Self {
        let class = match issue::class_of(&body) {
            Class::Permissive => "permissive",
            Class::Restrictive => "restrictive",
        };
        let expires_at = issue::expires_at(&body, issued_at);
        let message = prost::Message::encode_to_vec(&issue::message(issue::command(id, claim_epoch, issued_at, body)));
        Self {
            vehicle,
            kind: kind.into(),
            class: class.into(),
            claim_epoch,
            issued_at,
            expires_at,
            state: state_name(Delivery::Issued).into(),
            code: None,
            reason: None,
            message: STANDARD.encode(message),
        }
    }

    /// Whether it says exactly this.
    fn says(&self, body: &v1::command::Body) -> bool {
        let Ok(message) = self.message() else { return false };
        matches!(&message.message, Some(v1::to_vehicle::Message::Command(command)) if command.body.as_ref() == Some(body))
    }

    /// Whether it holds the whole vehicle until it is cleared: a stop of it or a hold, whose ends are the vehicle's state.
    fn is_of_vehicle(&self) -> Result<bool, Fault> {
        use v1::command::Body;
        Ok(match body_of(&self.message()?) {
            Some(Body::Ground(_)) => true,
            Some(Body::Stop(stop)) => stop.scope != i32::from(v1::Scope::Trip),
            _ => false,
        })
    }

    /// Whether it holds the vehicle on one trip only.
    pub fn ends_with_its_trip(&self) -> Result<bool, Fault> {
        use v1::command::Body;
        Ok(match body_of(&self.message()?) {
            Some(Body::Stop(stop)) => stop.scope == i32::from(v1::Scope::Trip),
            Some(Body::Slow(slow)) => slow.scope == i32::from(v1::Scope::Trip),
            _ => false,
        })
    }

    fn class(&self) -> Class {
        if self.class == "permissive" { Class::Permissive } else { Class::Restrictive }
    }

    /// The message for the wire.
    pub fn message(&self) -> Result<v1::ToVehicle, Fault> {
        let corrupt = |source: Box<dyn std::error::Error + Send + Sync>| Fault::Corrupt {
            what: "a vehicle's command".into(),
            source,
        };
        let bytes = STANDARD.decode(&self.message).map_err(|error| corrupt(Box::new(error)))?;
        prost::Message::decode(bytes.as_slice()).map_err(|error: prost::DecodeError| corrupt(Box::new(error)))
    }

    fn body(&self) -> Result<RowBody, Fault> {
        let is_final = state_of(&self.state).is_final();
        let open = if is_final { "no" } else { "yes" };
        let body = RowBody::new(self, vec![self.vehicle.to_string(), open.into()])?;
        Ok(RowBody { due_at: is_final.then(|| self.issued_at.plus_ms(KEPT_MS)), ..body })
    }

    /// The row of a command that is new.
    pub fn insert(&self, id: CommandId) -> Result<RowWrite, Fault> {
        Ok(RowWrite::put(VEHICLE_COMMANDS, key(self.vehicle, id), Expected::Absent, self.body()?))
    }
}

/// What ends a restrictive command.
pub fn clearance(command: CommandId) -> v1::command::Body {
    let of = Some(v1::clearance::Of::CommandId(command.to_string()));
    v1::command::Body::Clearance(v1::Clearance { of, trip_id: String::new() })
}

/// Writes a clearance for each command that holds a vehicle and is over, unless one is on its way that can still arrive: a
/// clearance expires like everything that permits. However late, it moves nothing (SAFE-13).
pub async fn clear(
    store: &dyn Store,
    tenant: &TenantId,
    vehicle: VehicleId,
    over: &[CommandId],
    new_id: impl Fn() -> CommandId + Send,
    now: Timestamp,
) -> Result<(), Fault> {
    if over.is_empty() {
        return Ok(());
    }
    let open = open(store, tenant, vehicle).await?;
    let mut rows = Vec::new();
    for command in over {
        let body = clearance(*command);
        let may_arrive = |known: &StoredCommand| known.says(&body) && known.expires_at.is_some_and(|end| now < end);
        if !open.iter().any(|(_, known)| may_arrive(known)) {
            let id = new_id();
            rows.push(StoredCommand::new(id, vehicle, CLEARANCE, 0, now, body).insert(id)?);
            tracing::info!(%tenant, %vehicle, command = %id, clears = %command, "an order that is over is cleared anew");
        }
    }
    if rows.is_empty() {
        return Ok(());
    }
    match store.write(tenant, rows).await {
        Ok(()) => Ok(()),
        Err(CommitError::Fault(fault)) => Err(fault),
        // New ids conflict with nothing.
        Err(CommitError::Conflict { .. } | CommitError::Fenced(_)) => Err(Fault::Overloaded),
    }
}

/// Whether a clearance of a command was ever issued.
pub async fn was_cleared(
    store: &dyn Store,
    tenant: &TenantId,
    vehicle: VehicleId,
    command: CommandId,
) -> Result<bool, Fault> {
    let body = clearance(command);
    Ok(list(store, tenant, vehicle).await?.iter().any(|(_, known)| known.says(&body)))
}

/// A command, if it was issued.
pub async fn get(
    store: &dyn Store,
    tenant: &TenantId,
    vehicle: VehicleId,
    id: CommandId,
) -> Result<Option<StoredCommand>, Fault> {
    store.get(VEHICLE_COMMANDS, tenant, &key(vehicle, id)).await?.map(|row| row.decode()).transpose()
}

/// The commands of a vehicle whose end is not known yet.
async fn open(
    store: &dyn Store,
    tenant: &TenantId,
    vehicle: VehicleId,
) -> Result<Vec<(CommandId, StoredCommand)>, Fault> {
    let filters = vec![("vehicle", vehicle.to_string()), ("open", "yes".into())];
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let query = ListQuery { filters: filters.clone(), after, limit: OPEN_MAX, ..ListQuery::all() };
        let rows = store.list(VEHICLE_COMMANDS, tenant, query).await?;
        for row in &rows {
            if let Some(id) = id_of_key(&row.key) {
                all.push((id, row.decode()?));
            }
        }
        // None is passed over, however many a vehicle never said the end of: a stop may be among the last.
        match rows.last() {
            Some(last) if rows.len() == OPEN_MAX => after = Some(last.key.clone()),
            _ => return Ok(all),
        }
    }
}

/// The end of a command that need not arrive any more.
pub fn forget(vehicle: VehicleId, id: CommandId) -> RowWrite {
    RowWrite::delete(VEHICLE_COMMANDS, key(vehicle, id), Expected::Any)
}

/// Whether a command is known already.
pub async fn is_known(store: &dyn Store, tenant: &TenantId, vehicle: VehicleId, id: CommandId) -> Result<bool, Fault> {
    Ok(store.get(VEHICLE_COMMANDS, tenant, &key(vehicle, id)).await?.is_some())
}

/// A command that a session sends now.
pub struct Outgoing {
    /// Its id.
    pub id: CommandId,
    /// What it is, for people.
    pub kind: String,
    /// As it goes over the wire.
    pub message: v1::ToVehicle,
    issued_at: Timestamp,
}

impl Outgoing {
    /// Its place among those that go out together. Zones and closures, and what ends a command that holds the vehicle, come
    /// first, whenever they were written down: an order that counts on them is refused by a vehicle that was not told. An
    /// order to stop that the vehicle does not hold yet is never overtaken by its end.
    fn place(&self, held: &[CommandId]) -> (bool, Timestamp, CommandId) {
        use v1::command::Body;
        let first = match body_of(&self.message) {
            Some(Body::SiteRules(_)) => true,
            Some(body @ Body::Clearance(_)) => held.iter().any(|held| *body == clearance(*held)),
            _ => false,
        };
        (!first, self.issued_at, self.id)
    }

    /// The span of its delivery.
    pub fn span(&self, tenant: &TenantId, vehicle: VehicleId) -> tracing::Span {
        let trip = trip_of(&self.message);
        tracing::info_span!("command.deliver", %tenant, %vehicle, command = %self.id, kind = self.kind, trip)
    }
}

/// What a session sends now, in order. Commands whose time ran out become EXPIRED on the way; stops and holds that are
/// over before the vehicle ever had them are not sent any more: their clearances may have expired.
pub async fn to_deliver(
    store: &dyn Store,
    fleet: &fleet::Fleet,
    tenant: &TenantId,
    vehicle: VehicleId,
    held: &[CommandId],
    now: Timestamp,
) -> Result<Vec<Outgoing>, Fault> {
    let mut outgoing = Vec::new();
    let open = open(store, tenant, vehicle).await?;
    if open.is_empty() {
        return Ok(outgoing);
    }
    // Read after the rows: what a row orders was in force before the row was written.
    let in_force = fleet.restrictions_of(tenant, vehicle).await?;
    for (id, command) in open {
        let holds = if held.contains(&id) { Held::Yes } else { Held::No };
        let state = state_of(&command.state);
        if holds == Held::Yes && matches!(state, Delivery::Issued | Delivery::Delivered) {
            // A stop from memory was obeyed before this row was written: the vehicle's word came too early for it.
            advance(store, tenant, vehicle, id, Delivery::Accepted, None).await?;
            continue;
        }
        match redeliver(command.class(), state, command.expires_at, now, holds) {
            Redelivery::Send if command.is_of_vehicle()? && !in_force.contains(&id) => {
                advance(store, tenant, vehicle, id, Delivery::Done, None).await?;
            }
            Redelivery::Send => {
                let message = command.message()?;
                outgoing.push(Outgoing { id, kind: command.kind, message, issued_at: command.issued_at });
            }
            Redelivery::Expire => advance(store, tenant, vehicle, id, Delivery::Expired, None).await?,
            Redelivery::Nothing => {}
        }
    }
    outgoing.sort_by_key(|command| command.place(held));
    Ok(outgoing)
}

fn id_of_key(key: &str) -> Option<CommandId> {
    key.split_once('/')?.1.parse().ok()
}

fn body_of(message: &v1::ToVehicle) -> Option<&v1::command::Body> {
    match message.message.as_ref()? {
        v1::to_vehicle::Message::Command(command) => command.body.as_ref(),
        _ => None,
    }
}

/// The trip that a message is about, if it is about one.
fn trip_of(message: &v1::ToVehicle) -> Option<&str> {
    use v1::command::Body;
    let trip = match body_of(message)? {
        Body::Dispatch(body) => &body.trip_id,
        Body::Reroute(body) => &body.trip_id,
        Body::Cancel(body) => &body.trip_id,
        Body::Resume(body) => &body.trip_id,
        Body::Stop(body) => &body.trip_id,
        Body::Slow(body) => &body.trip_id,
        Body::Clearance(body) => &body.trip_id,
        Body::AssistAnswer(body) => &body.trip_id,
        _ => return None,
    };
    Some(trip.as_str()).filter(|trip| !trip.is_empty())
}

/// Notes how far a command has come. A report that contradicts the end already reached is logged and changes nothing.
pub async fn advance(
    store: &dyn Store,
    tenant: &TenantId,
    vehicle: VehicleId,
    id: CommandId,
    to: Delivery,
    report: Option<&CommandReport>,
) -> Result<(), Fault> {
    for _ in 0..ATTEMPTS_MAX {
        let Some(row) = store.get(VEHICLE_COMMANDS, tenant, &key(vehicle, id)).await? else {
            tracing::warn!(%tenant, %vehicle, command = %id, "a report names a command that was never issued or is overtaken");
            return Ok(());
        };
        let Some(write) = advanced(&row, to, report)? else { return Ok(()) };
        match store.write(tenant, vec![write]).await {
            Ok(()) => {
                metrics::counter!("atlasmesh_commands_total", "state" => state_name(to)).increment(1);
                return Ok(());
            }
            Err(CommitError::Conflict { .. } | CommitError::Fenced(_)) => {}
            Err(CommitError::Fault(fault)) => return Err(fault),
        }
    }
    Err(Fault::Overloaded)
}

fn advanced(row: &Row, to: Delivery, report: Option<&CommandReport>) -> Result<Option<RowWrite>, Fault> {
    let mut command: StoredCommand = row.decode()?;
    match state_of(&command.state).advance(command.class(), to) {
        Ok(Move::Nothing) => Ok(None),
        Err(illegal) => {
            tracing::warn!(key = row.key, error = %illegal, "a vehicle contradicts itself");
            Ok(None)
        }
        Ok(Move::To(state)) => {
            command.state = state_name(state).into();
            if let Some(report) = report {
                command.code = (!report.code.is_empty()).then(|| report.code.clone());
                command.reason = (!report.reason.is_empty()).then(|| report.reason.clone());
            }
            Ok(Some(RowWrite::put(VEHICLE_COMMANDS, row.key.clone(), Expected::Version(row.version), command.body()?)))
        }
    }
}

/// A command whose answer somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Take another way.
    Reroute(TripId, RouteId),
    /// Go on, by another way where there is one.
    Resume(TripId, Option<RouteId>),
    /// Do as a person answered, standing.
    Assist(AssistId, Answer),
    /// Leave the trip that was under this claim.
    Leave(TripId, u64),
}

/// What a command asks; `None` where nobody waits for the answer.
pub async fn question(
    store: &dyn Store,
    tenant: &TenantId,
    vehicle: VehicleId,
    id: CommandId,
) -> Result<Option<Question>, Fault> {
    let Some(row) = store.get(VEHICLE_COMMANDS, tenant, &key(vehicle, id)).await? else { return Ok(None) };
    let command: StoredCommand = row.decode()?;
    let Some(v1::to_vehicle::Message::Command(command)) = command.message()?.message else { return Ok(None) };
    Ok(command.body.and_then(|body| asked(&body, command.claim_epoch)))
}

fn asked(body: &v1::command::Body, claim_epoch: u64) -> Option<Question> {
    use v1::command::Body as B;
    let route = |route: &Option<v1::Route>| route.as_ref().and_then(|route| route.route_id.parse().ok());
    match body {
        B::Reroute(body) => Some(Question::Reroute(body.trip_id.parse().ok()?, route(&body.route)?)),
        B::Cancel(body) => Some(Question::Leave(body.trip_id.parse().ok()?, claim_epoch)),
        B::Resume(body) => Some(Question::Resume(body.trip_id.parse().ok()?, route(&body.path))),
        B::AssistAnswer(body) => match body.answer.parse::<Answer>().ok()? {
            moving if moving.moves() => Some(Question::Resume(body.trip_id.parse().ok()?, route(&body.path))),
            standing => Some(Question::Assist(body.request_id.parse().ok()?, standing)),
        },
        _ => None,
    }
}

/// The commands of a vehicle, newest first, as people read them.
pub async fn list(
    store: &dyn Store,
    tenant: &TenantId,
    vehicle: VehicleId,
) -> Result<Vec<(CommandId, StoredCommand)>, Fault> {
    let query = ListQuery {
        order: store::port::Order::Descending,
        limit: OPEN_MAX,
        ..ListQuery::of("vehicle", vehicle.to_string())
    };
    let rows = store.list(VEHICLE_COMMANDS, tenant, query).await?;
    rows.iter().filter_map(|row| id_of_key(&row.key).map(|id| Ok((id, row.decode()?)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing(n: u128, at_s: i64, body: v1::command::Body) -> Outgoing {
        let (id, issued_at) = (CommandId::from_u128(n), Timestamp::from_us(at_s * 1_000_000));
        let message = issue::message(issue::command(id, 1, issued_at, body));
        Outgoing { id, kind: String::new(), message, issued_at }
    }

    #[test]
    fn a_command_whose_end_is_known_is_removed_after_a_week_and_an_open_one_stays() {
        use kernel::testing::{HandClock, START};
        use pollster::block_on;
        let store: Arc<dyn Store> = Arc::new(store::MemoryStore::new(Arc::new(store::conformance::PlainSigner)));
        let (tenant, vehicle): (TenantId, _) = ("north-pit".parse().unwrap(), VehicleId::from_u128(1));
        let (ended, open) = (CommandId::from_u128(1), CommandId::from_u128(2));
        for id in [ended, open] {
            let body = v1::command::Body::Stop(v1::Stop::default());
            let row = StoredCommand::new(id, vehicle, "stop", 0, START, body).insert(id).unwrap();
            block_on(store.write(&tenant, vec![row])).unwrap();
        }
        block_on(advance(&*store, &tenant, vehicle, ended, Delivery::Done, None)).unwrap();
        let clock = HandClock::default();
        let retired_after = |ms: i64| {
            clock.pass_ms(ms);
            let guard = block_on(store::due::take_lease(&*store, "due", "me", START, 1_000)).unwrap().unwrap();
            block_on(store::due::run_due(&*store, &clock, &Retirement(Arc::clone(&store)), &guard)).unwrap()
        };
        assert_eq!((retired_after(KEPT_MS - 1), retired_after(1)), (0, 1));
        let left: Vec<CommandId> =
            block_on(list(&*store, &tenant, vehicle)).unwrap().into_iter().map(|(id, _)| id).collect();
        assert_eq!(left, [open]);
    }

    #[test]
    fn what_an_order_counts_on_goes_out_before_it_and_no_stop_is_overtaken_by_its_end() {
        use v1::command::Body;
        let (held, not_held) = (CommandId::from_u128(90), CommandId::from_u128(2));
        let mut all = [
            outgoing(5, 3, Body::SiteRules(v1::SiteRules::default())),
            outgoing(4, 2, clearance(held)),
            outgoing(3, 2, clearance(not_held)),
            outgoing(2, 1, Body::Stop(v1::Stop::default())),
            outgoing(1, 1, Body::Dispatch(v1::Dispatch::default())),
        ];
        all.sort_by_key(|command| command.place(&[held]));
        let ids: Vec<u128> = all.iter().map(|command| command.id.as_u128()).collect();
        assert_eq!(ids, [4, 5, 1, 2, 3]);
    }
}
