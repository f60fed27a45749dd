//! A fleet that does nothing wrong, though not everything goes well: people mistype, links drop, clocks slip.

use super::random::Random;
use crate::record::Record;

/// Midnight before the first simulated hour: 23 November 2026, UTC.
pub const START_MS: i64 = 1_795_392_000_000;
const HOUR: i64 = 3_600_000;
const MODELS: [&str; 3] = ["pod", "shuttle", "truck"];

/// How large the fleet is and how long it drives.
#[derive(Debug, Clone, Copy)]
pub struct Fleet {
    pub vehicles: u64,
    pub hours: u64,
    pub seed: u64,
}

/// Puts records of several sources into the order of time.
#[must_use]
pub fn merged(sources: Vec<Vec<Record>>) -> Vec<Record> {
    let mut records = sources.concat();
    records.sort_by(|a, b| (a.at_ms, &a.id).cmp(&(b.at_ms, &b.id)));
    records
}

impl Fleet {
    /// A record of a vehicle of the fleet, with what the control plane knows of it.
    #[must_use]
    pub fn vehicle(id: impl Into<String>, at_ms: i64, kind: &str, vehicle: u64) -> Record {
        let model = MODELS.get((vehicle % 3) as usize).copied().unwrap_or_default();
        Record::new(id, at_ms, kind)
            .with("principal", format!("vehicle-{vehicle}"))
            .with("vehicle", format!("vehicle-{vehicle}"))
            .with("serial", format!("serial-{vehicle}"))
            .with("boot", format!("boot-{vehicle}"))
            .with("model", model)
            .with("software", format!("{model}-4.{}", vehicle % 2))
            .with("tenant", format!("tenant-{}", vehicle % 4))
            .with("role", "vehicle")
            .with("network", format!("AS{}", 64_500 + vehicle % 3))
            .with("source_ip", format!("10.{}.{}.{}", vehicle / 65_536 % 256, vehicle / 256 % 256, vehicle % 256))
    }

    /// All records of the fleet in the order of time.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        let mut random = Random::new(self.seed);
        let mut records = Vec::new();
        for hour in 0..self.hours {
            for vehicle in 0..self.vehicles {
                let start = START_MS + hour as i64 * HOUR;
                let before = records.len();
                vehicle_hour(&mut random, &mut records, start, vehicle);
                for (index, record) in records.iter_mut().skip(before).enumerate() {
                    record.id = format!("v{vehicle}-h{hour}-{index}");
                }
            }
            for person in 0..self.vehicles / 20 + 1 {
                let before = records.len();
                person_hour(&mut random, &mut records, START_MS + hour as i64 * HOUR, person);
                for (index, record) in records.iter_mut().skip(before).enumerate() {
                    record.id = format!("p{person}-h{hour}-{index}");
                }
            }
        }
        merged(vec![records])
    }
}

fn moment(random: &mut Random, start: i64) -> i64 {
    start + random.below(HOUR as u64) as i64
}

/// Where the vehicle is on its round of 3 km radius, which it drives once an hour.
fn place(vehicle: u64, at: i64) -> (f64, f64) {
    let angle = at.rem_euclid(HOUR) as f64 / HOUR as f64 * std::f64::consts::TAU;
    (48.0 + (vehicle % 10) as f64 * 0.1 + 0.027 * angle.sin(), 11.0 + 0.027 * angle.cos())
}

fn vehicle_hour(random: &mut Random, records: &mut Vec<Record>, start: i64, vehicle: u64) {
    let record = |at, kind| Fleet::vehicle("", at, kind, vehicle);
    for _ in 0..=random.below(2) {
        let at = moment(random, start);
        let (latitude, longitude) = place(vehicle, at);
        let mut handshake = record(at, "vehicle.handshake")
            .with("latitude", latitude)
            .with("longitude", longitude)
            .with("clock_excess_ms", random.below(400) as i64)
            .with("clock_drift_ppm", random.below(60) as i64 - 30);
        if random.one_in(20) {
            // The second modem takes over before the first session is given up.
            let network = format!("AS{}", 64_500 + (vehicle + random.below(2)) % 3);
            handshake = handshake.with("overlap_s", 45).with("other_boot", format!("boot-{vehicle}"));
            handshake = handshake.with("network", network);
        }
        if random.one_in(200) {
            handshake = handshake.with("clock_step_ms", -20);
        }
        records.push(handshake);
    }
    for _ in 0..random.below(8) {
        let at = moment(random, start);
        records.push(record(at, "token.used"));
    }
    for _ in 0..random.below(4) {
        let at = moment(random, start);
        records.push(record(at, "command.issued").with("principal", format!("dispatcher-{}", vehicle % 4)));
    }
    if random.one_in(60) {
        let at = moment(random, start);
        records.push(record(at, "vehicle.handshake_refused").with("reason", "timeout"));
    }
    if random.one_in(200) {
        // Parked in a garage: no telemetry, and nobody wonders.
        let at = moment(random, start);
        records.push(record(at, "telemetry.gap").with("gap_s", 900).with("moving", false));
    }
}

fn person_hour(random: &mut Random, records: &mut Vec<Record>, start: i64, person: u64) {
    let record = |at, kind| {
        Record::new("", at, kind)
            .with("principal", format!("person-{person}"))
            .with("tenant", format!("tenant-{}", person % 4))
            .with("role", "operator")
            .with("source_ip", format!("192.0.2.{}", person % 250))
    };
    let mut at = moment(random, start);
    let mistakes = if random.one_in(4) { 1 + random.below(2) } else { 0 };
    for _ in 0..mistakes {
        records.push(record(at, "session.refused").with("reason", "wrong_password"));
        at += 8_000;
    }
    records.push(record(at, "session.signed_in"));
    for _ in 0..random.below(3) {
        let action = if random.one_in(3) { "vehicle.read" } else { "trip.assign" };
        records.push(record(at + 60_000, "operator.acted").with("action", action).with("outside_hours", false));
    }
}
