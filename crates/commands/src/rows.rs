//! Commands as rows: each is one until its end has been known for a week.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kernel::id::{EventId, TypedId};
use kernel::{BoxFuture, CommandId, TenantId, Timestamp, VehicleId};
use link::delivery::{Class, Delivery};
use link::{issue, v1};
use serde::{Deserialize, Serialize};
use store::due::DueHandler;
use store::port::{CommitError, Fault, Guard, ListQuery, Store};
use store::{CommandError, Expected, RowBody, RowWrite, TableSpec};

/// Commands to vehicles, with their delivery state.
pub const VEHICLE_COMMANDS: TableSpec =
    TableSpec::machinery("vehicle_commands", &["vehicle", "open"]).read_by(&[&["vehicle"], &["vehicle", "open"]]);

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
pub(crate) fn state_name(state: Delivery) -> &'static str {
    match state {
        Delivery::Issued => "issued",
        Delivery::Delivered => "delivered",
        Delivery::Accepted => "accepted",
        Delivery::Rejected => "rejected",
        Delivery::Done => "done",
        Delivery::Expired => "expired",
    }
}

pub(crate) fn state_of(name: &str) -> Delivery {
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

pub(crate) fn key(vehicle: VehicleId, command: CommandId) -> String {
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
    pub(crate) fn says(&self, body: &v1::command::Body) -> bool {
        let Ok(message) = self.message() else { return false };
        matches!(&message.message, Some(v1::to_vehicle::Message::Command(command)) if command.body.as_ref() == Some(body))
    }

    /// Whether it holds the whole vehicle until it is cleared: a stop of it or a hold, whose ends are the vehicle's state.
    pub(crate) fn is_of_vehicle(&self) -> Result<bool, Fault> {
        use v1::command::Body;
        Ok(match body_of(&self.message()?) {
            Some(Body::Ground(_)) => true,
            Some(Body::Stop(stop)) => stop.scope != i32::from(v1::Scope::Trip),
            _ => false,
        })
    }

    /// Whether the vehicle took it and keeps to it, as far as it told.
    pub fn is_held(&self) -> bool {
        state_of(&self.state) == Delivery::Accepted
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

    pub(crate) fn class(&self) -> Class {
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

    pub(crate) fn body(&self) -> Result<RowBody, Fault> {
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
pub(crate) async fn open(
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

pub(crate) fn id_of_key(key: &str) -> Option<CommandId> {
    key.split_once('/')?.1.parse().ok()
}

pub(crate) fn body_of(message: &v1::ToVehicle) -> Option<&v1::command::Body> {
    match message.message.as_ref()? {
        v1::to_vehicle::Message::Command(command) => command.body.as_ref(),
        _ => None,
    }
}

/// The trip that a message is about, if it is about one.
pub(crate) fn trip_of(message: &v1::ToVehicle) -> Option<&str> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advance;

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
}
