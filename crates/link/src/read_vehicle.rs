//! Reads what a vehicle says. Every number on the wire may be anything; each check here names the field it refuses.

use crate::check::{self, Checked, bad, required};
use crate::delivery::Delivery;
use crate::from_vehicle::{
    BATCH_SAMPLES_MAX, CommandReport, Component, Heartbeat, Hello, Metric, Mode, Online, Position, ReportKind,
    Reserved, SNAPSHOT_BYTES_MAX, SNAPSHOT_TYPES, Sample, Snapshot, TelemetryBatch, TripReport, VehicleMessage,
};
use crate::to_vehicle::StopClass;
use crate::{LinkError, v1};

fn mode(value: i32, field: &str) -> Checked<Mode> {
    match v1::Mode::try_from(value) {
        Ok(v1::Mode::Autonomous) => Ok(Mode::Autonomous),
        Ok(v1::Mode::Remote) => Ok(Mode::Remote),
        Ok(v1::Mode::Manual) => Ok(Mode::Manual),
        Ok(v1::Mode::Service) => Ok(Mode::Service),
        Ok(v1::Mode::Estop) => Ok(Mode::Estop),
        Ok(v1::Mode::Unspecified) | Err(_) => bad(field, "expected a mode"),
    }
}

/// Reads bytes of at most [`MESSAGE_BYTES_MAX`](crate::MESSAGE_BYTES_MAX).
///
/// # Errors
/// Too long, not of this protocol, or a field out of range.
pub fn decode_from_vehicle(bytes: &[u8]) -> Result<VehicleMessage, LinkError> {
    from_vehicle(check::decode(bytes)?)
}

/// Checks every field of a message.
///
/// # Errors
/// Names the field that is wrong.
pub fn from_vehicle(message: v1::FromVehicle) -> Result<VehicleMessage, LinkError> {
    use v1::from_vehicle::Message as M;
    let reserved = |name| Ok(VehicleMessage::Reserved(Reserved { name }));
    match required(message.message, "message")? {
        M::Hello(m) => hello(m).map(|m| VehicleMessage::Hello(Box::new(m))),
        M::Online(m) => online(m).map(VehicleMessage::Online),
        M::Heartbeat(m) => heartbeat(m).map(VehicleMessage::Heartbeat),
        M::Telemetry(m) => telemetry(m).map(VehicleMessage::Telemetry),
        M::TripReport(m) => trip_report(m).map(|m| VehicleMessage::TripReport(Box::new(m))),
        M::CommandState(m) => command_state(m).map(VehicleMessage::CommandState),
        M::SignedEvent(_) => reserved("signed_event"),
        M::AssistAsked(_) => reserved("assist_asked"),
        M::HazardSeen(_) => reserved("hazard_seen"),
        M::DiagnoseResult(_) => reserved("diagnose_result"),
        M::UpdateProgress(_) => reserved("update_progress"),
    }
}

fn optional_position(value: Option<v1::Position>, field: &str) -> Checked<Option<Position>> {
    value.map(|value| check::position(Some(value), field)).transpose()
}

fn hello(m: v1::Hello) -> Checked<Hello> {
    let map_digest = check::digest(m.map_digest, "hello.map_digest")?;
    let trip = check::optional_id(&m.trip_id, "hello.trip_id")?;
    Ok(Hello {
        boot: check::id(&m.boot_id, "hello.boot_id")?,
        boot_counter: m.boot_counter,
        agent_version: check::text(m.agent_version, "hello.agent_version")?,
        protocol_version: m.protocol_version,
        map_digest: (!map_digest.is_empty()).then_some(map_digest),
        last_command_seen: check::optional_id(&m.last_command_seen, "hello.last_command_seen")?,
        newest_checkpoint: check::checkpoint(m.newest_checkpoint, "hello.newest_checkpoint")?,
        vehicle_time: check::time(m.vehicle_time_us, "hello.vehicle_time_us")?,
        mode: mode(m.mode, "hello.mode")?,
        parked: m.parked,
        simulated: m.simulated,
        position: optional_position(m.position, "hello.position")?,
        trip: trip.map(|trip| (trip, m.claim_epoch)),
        pending_boots: ids(m.pending_boot_ids, "hello.pending_boot_ids")?,
        held_commands: ids(m.held_command_ids, "hello.held_command_ids")?,
        site_rules_revision: m.site_rules_revision,
    })
}

fn ids<T: std::str::FromStr>(texts: Vec<String>, field: &str) -> Checked<Vec<T>> {
    check::list(texts, field)?.iter().map(|text| check::id(text, field)).collect()
}

fn online(m: v1::Online) -> Checked<Online> {
    let component = |c: v1::Component| -> Checked<Component> {
        Ok(Component {
            name: check::text(c.name, "online.components.name")?,
            version: check::text(c.version, "online.components.version")?,
            serial: check::text(c.serial, "online.components.serial")?,
        })
    };
    let capabilities = check::list(m.capabilities, "online.capabilities")?;
    let components = check::list(m.components, "online.components")?;
    Ok(Online {
        capabilities: capabilities
            .into_iter()
            .map(|c| check::text(c, "online.capabilities"))
            .collect::<Checked<_>>()?,
        components: components.into_iter().map(component).collect::<Checked<_>>()?,
    })
}

fn heartbeat(m: v1::Heartbeat) -> Checked<Heartbeat> {
    let metric = |m: v1::HealthMetric| -> Checked<Metric> {
        if !m.value.is_finite() {
            return bad("heartbeat.metrics.value", "expected a finite number");
        }
        Ok(Metric {
            name: check::text(m.name, "heartbeat.metrics.name")?,
            value: m.value,
            unit: check::text(m.unit, "heartbeat.metrics.unit")?,
        })
    };
    let metrics = check::list(m.metrics, "heartbeat.metrics")?;
    Ok(Heartbeat {
        trust_bundle_sequence: m.trust_bundle_sequence,
        boot: check::id(&m.boot_id, "heartbeat.boot_id")?,
        counter: m.counter,
        battery_pct: check::percent(m.battery_pct, "heartbeat.battery_pct")?,
        mode: mode(m.mode, "heartbeat.mode")?,
        metrics: metrics.into_iter().map(metric).collect::<Checked<_>>()?,
        position: optional_position(m.position, "heartbeat.position")?,
        parked: m.parked,
        vehicle_time: check::time(m.vehicle_time_us, "heartbeat.vehicle_time_us")?,
        odometer_m: check::distance(m.odometer_m, "heartbeat.odometer_m")?,
    })
}

fn telemetry(m: v1::TelemetryBatch) -> Checked<TelemetryBatch> {
    let boot = check::id(&m.boot_id, "telemetry.boot_id")?;
    if m.samples.is_empty() || m.samples.len() > BATCH_SAMPLES_MAX {
        return bad("telemetry.samples", "expected 1 to 512 samples");
    }
    let samples: Vec<Sample> = m.samples.into_iter().enumerate().map(|(n, s)| sample(s, n)).collect::<Checked<_>>()?;
    if samples[0].seq != m.first_seq || samples[0].seq == 0 {
        return bad("telemetry.first_seq", "expected the number of the first sample, from 1");
    }
    if samples.windows(2).any(|pair| pair[0].seq >= pair[1].seq) {
        return bad("telemetry.samples", "expected strictly ascending numbers");
    }
    if m.kept_from_seq > m.first_seq {
        return bad("telemetry.kept_from_seq", "expected at most the number of the first sample");
    }
    Ok(TelemetryBatch { boot, samples, historical: m.historical, kept_from_seq: m.kept_from_seq })
}

fn sample(m: v1::Sample, n: usize) -> Checked<Sample> {
    let field = |name: &str| format!("telemetry.samples[{n}].{name}");
    Ok(Sample {
        seq: m.seq,
        vehicle_time: check::time(m.vehicle_time_us, &field("vehicle_time_us"))?,
        position: Position {
            at: check::coordinate(m.lat, m.lon, &field("lat"))?,
            heading: check::heading(m.heading_deg, &field("heading_deg"))?,
        },
        speed_mps: check::speed(m.speed_mps, &field("speed_mps"))?,
        battery_pct: check::percent(m.battery_pct, &field("battery_pct"))?,
        odometer_m: check::distance(m.odometer_m, &field("odometer_m"))?,
        mode: mode(m.mode, &field("mode"))?,
        trip: check::optional_id(&m.trip_id, &field("trip_id"))?,
        progress_m: check::distance(m.progress_m, &field("progress_m"))?,
        flags: m.flags,
    })
}

fn trip_report(m: v1::TripReport) -> Checked<TripReport> {
    if m.report_seq == 0 {
        return bad("trip_report.report_seq", "expected a number from 1");
    }
    Ok(TripReport {
        seq: m.report_seq,
        boot: check::id(&m.boot_id, "trip_report.boot_id")?,
        trip: check::id(&m.trip_id, "trip_report.trip_id")?,
        claim_epoch: m.claim_epoch,
        vehicle_time: check::time(m.vehicle_time_us, "trip_report.vehicle_time_us")?,
        position: check::position(m.position, "trip_report.position")?,
        odometer_m: check::distance(m.odometer_m, "trip_report.odometer_m")?,
        occupied: m.occupied,
        mode: mode(m.mode, "trip_report.mode")?,
        kind: report_kind(required(m.kind, "trip_report.kind")?)?,
    })
}

fn report_kind(kind: v1::trip_report::Kind) -> Checked<ReportKind> {
    use v1::trip_report::Kind as K;
    Ok(match kind {
        K::Accepted(k) => {
            ReportKind::Accepted { eta_ms: k.eta_ms, route: check::id(&k.route_id, "trip_report.accepted.route_id")? }
        }
        K::Rejected(k) => ReportKind::Rejected {
            code: check::text(k.code, "trip_report.rejected.code")?,
            reason: check::text(k.reason, "trip_report.rejected.reason")?,
        },
        K::Departed(_) => ReportKind::Departed,
        K::ArrivedPickup(_) => ReportKind::ArrivedPickup,
        K::Boarded(_) => ReportKind::Boarded,
        K::Progress(k) => ReportKind::Progress {
            distance_m: check::distance(k.distance_m, "trip_report.progress.distance_m")?,
            remaining_m: check::distance(k.remaining_m, "trip_report.progress.remaining_m")?,
            eta_ms: k.eta_ms,
        },
        K::ArrivedDropoff(_) => ReportKind::ArrivedDropoff,
        K::Completed(k) => ReportKind::Completed {
            distance_m: check::distance(k.distance_m, "trip_report.completed.distance_m")?,
            duration_ms: k.duration_ms,
            energy_wh: check::distance(k.energy_wh, "trip_report.completed.energy_wh")?,
        },
        K::SafeStopped(k) => ReportKind::SafeStopped {
            class: StopClass::from_wire(k.class),
            reason: check::text(k.reason, "trip_report.safe_stopped.reason")?,
            admissible: k.admissible,
        },
        K::Resumed(_) => ReportKind::Resumed,
        K::Paused(k) => ReportKind::Paused { reason: check::text(k.reason, "trip_report.paused.reason")? },
        K::AssistNeeded(k) => ReportKind::AssistNeeded {
            kind: check::text(k.kind, "trip_report.assist_needed.kind")?,
            snapshot: snapshot(k.snapshot, k.snapshot_type)?,
        },
        K::Ended(k) => ReportKind::Ended { reason: check::text(k.reason, "trip_report.ended.reason")? },
    })
}

fn snapshot(bytes: Vec<u8>, media_type: String) -> Checked<Option<Snapshot>> {
    if bytes.is_empty() {
        return Ok(None);
    }
    if bytes.len() > SNAPSHOT_BYTES_MAX {
        return bad("trip_report.assist_needed.snapshot", "expected at most 65536 bytes");
    }
    if !SNAPSHOT_TYPES.contains(&media_type.as_str()) {
        const EXPECTED: &str = "expected image/jpeg, image/png, image/webp or application/json";
        return bad("trip_report.assist_needed.snapshot_type", EXPECTED);
    }
    Ok(Some(Snapshot { media_type, bytes }))
}

fn command_state(m: v1::CommandState) -> Checked<CommandReport> {
    let state = match v1::DeliveryState::try_from(m.state) {
        Ok(v1::DeliveryState::Delivered) => Delivery::Delivered,
        Ok(v1::DeliveryState::Accepted) => Delivery::Accepted,
        Ok(v1::DeliveryState::Rejected) => Delivery::Rejected,
        Ok(v1::DeliveryState::Done) => Delivery::Done,
        Ok(v1::DeliveryState::Expired) => Delivery::Expired,
        Ok(v1::DeliveryState::Unspecified) | Err(_) => return bad("command_state.state", "expected a state"),
    };
    Ok(CommandReport {
        command: check::id(&m.command_id, "command_state.command_id")?,
        state,
        code: check::text(m.code, "command_state.code")?,
        reason: check::text(m.reason, "command_state.reason")?,
    })
}
