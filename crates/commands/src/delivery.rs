//! Commands on their way: what a session sends, in which order, and how far each has come.

use kernel::{CommandId, TenantId, Timestamp, VehicleId};
use link::delivery::{Delivery, Held, Move, Redelivery, redeliver};
use link::{CommandReport, v1};
use store::port::{CommitError, Fault, Store};
use store::{Expected, Row, RowWrite};

use crate::Sources;
use crate::clearance::clearance;
use crate::rows::{StoredCommand, VEHICLE_COMMANDS, body_of, key, open, state_name, state_of, trip_of};

/// How often a change of one command is tried against another at the same moment: its session and its issuer.
const ATTEMPTS_MAX: usize = 8;

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

    /// Whether it takes motion away.
    pub fn is_restrictive(&self) -> bool {
        use v1::to_vehicle::Message;
        matches!(&self.message.message, Some(Message::Command(command)) if command.class() == v1::CommandClass::Restrictive)
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
    sources: &Sources,
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
    let in_force = sources.in_force(tenant, vehicle).await?;
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

#[cfg(test)]
mod tests {
    use kernel::id::TypedId;
    use link::issue;

    use super::*;

    fn outgoing(n: u128, at_s: i64, body: v1::command::Body) -> Outgoing {
        let (id, issued_at) = (CommandId::from_u128(n), Timestamp::from_us(at_s * 1_000_000));
        let message = issue::message(issue::command(id, 1, issued_at, body));
        Outgoing { id, kind: String::new(), message, issued_at }
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
