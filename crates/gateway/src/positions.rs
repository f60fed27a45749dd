//! Where a tenant's vehicles are, once a second for everybody who watches: one computation however many watch, none when
//! nobody does.
//!
//! A record is 24 bytes, little-endian: u32 number, i32 latitude and i32 longitude in 1e-7 degrees, u16 heading in
//! 0.01 degrees, u16 speed in cm/s, u32 age of the position in ms, u16 flags, u16 zero.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use fleet::KnownVehicle;
use fleet::vehicle::Status;
use kernel::{Coordinate, TenantId, Timestamp, VehicleId};
use serde_json::json;
use store::CommandError;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::Gateway;

/// How often positions are computed: as often as a moving vehicle samples.
const EVERY: Duration = Duration::from_secs(1);
/// Every so many rounds all records are sent, so that ages are right again.
const ALL_EVERY_ROUNDS: u64 = 5;
/// Bytes of a record.
const RECORD_BYTES: usize = 24;

const ONLINE: u16 = 1;
const READY: u16 = 1 << 1;
const OCCUPIED: u16 = 1 << 2;
const STOPPED: u16 = 1 << 3;
const HELD: u16 = 1 << 4;
const CLAIMED: u16 = 1 << 5;

/// A tenant's vehicles in one second.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// Counts the seconds that were computed, from 1.
    pub round: u64,
    /// Counts the sets of vehicles; numbers of vehicles hold within one.
    pub set: u64,
    /// The vehicles and their numbers, as JSON.
    pub vehicles: String,
    /// The records of all vehicles that have a position.
    pub all: Bytes,
    /// What whoever has the round before needs.
    pub news: Bytes,
    ids: Vec<VehicleId>,
    places: Vec<Option<Place>>,
}

/// What is shown of one vehicle.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Place {
    at: Coordinate,
    heading_deg: f64,
    speed_mps: f64,
    seen_at: Timestamp,
    flags: u16,
}

/// The feeds of all tenants that somebody watches.
#[derive(Debug, Default)]
pub struct Feeds {
    watched: Mutex<BTreeMap<TenantId, watch::Sender<Arc<Snapshot>>>>,
}

impl Gateway {
    /// A tenant's positions from now on; the first to watch starts the computation.
    pub fn watch_positions(self: &Arc<Self>, tenant: &TenantId) -> watch::Receiver<Arc<Snapshot>> {
        let mut watched = self.positions.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(feed) = watched.get(tenant) {
            return feed.subscribe();
        }
        let (feed, receiver) = watch::channel(Arc::default());
        watched.insert(tenant.clone(), feed);
        tokio::spawn(compute(Arc::clone(self), tenant.clone()));
        receiver
    }

    /// The feed's last snapshot; nothing, and no feed any more, once nobody watches.
    fn watched(&self, tenant: &TenantId) -> Option<Arc<Snapshot>> {
        let mut watched = self.positions.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let feed = watched.get(tenant)?;
        if feed.receiver_count() > 0 {
            return Some(Arc::clone(&feed.borrow()));
        }
        watched.remove(tenant);
        None
    }

    fn publish(&self, tenant: &TenantId, snapshot: Snapshot) {
        let watched = self.positions.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(feed) = watched.get(tenant) {
            feed.send_replace(Arc::new(snapshot));
        }
    }

    async fn places(&self, tenant: &TenantId) -> Result<Vec<(VehicleId, Option<Place>)>, CommandError> {
        let mut places = Vec::new();
        for known in self.fleet.serving(tenant).await? {
            places.push((known.id, self.place(tenant, &known).await?));
        }
        Ok(places)
    }

    /// The newer of the last sample and the last heartbeat: a parked vehicle sends no samples.
    async fn place(&self, tenant: &TenantId, known: &KnownVehicle) -> Result<Option<Place>, CommandError> {
        let latest = self.telemetry.latest(tenant, known.id);
        let latest = latest.map_err(|source| store::port::Fault::Unavailable {
            what: "read the newest sample",
            source: Box::new(source),
        })?;
        let heading_deg = latest.as_ref().map_or(0.0, |latest| latest.sample.heading_deg);
        let flags = self.flags(tenant, known).await?;
        let sampled = latest.map(|latest| Place {
            at: latest.sample.position,
            heading_deg,
            speed_mps: latest.sample.speed_mps,
            seen_at: latest.received_at,
            flags,
        });
        let told = known.seen.as_ref().and_then(|seen| {
            let place = |at| Place { at, heading_deg, speed_mps: 0.0, seen_at: seen.at, flags };
            seen.position.map(place)
        });
        Ok(sampled.into_iter().chain(told).max_by_key(|place| place.seen_at))
    }

    async fn flags(&self, tenant: &TenantId, known: &KnownVehicle) -> Result<u16, CommandError> {
        let vehicle = &known.vehicle;
        let trip = match vehicle.claim {
            Some(claim) => self.trips.get(tenant, claim.trip).await?,
            None => None,
        };
        let flags = [
            (vehicle.status == Status::Online, ONLINE),
            (vehicle.is_ready(), READY),
            (trip.is_some_and(|trip| trip.occupied), OCCUPIED),
            (!vehicle.stops.is_empty(), STOPPED),
            (!vehicle.holds.is_empty(), HELD),
            (vehicle.claim.is_some(), CLAIMED),
        ];
        Ok(flags.into_iter().filter(|(is_set, _)| *is_set).fold(0, |flags, (_, flag)| flags | flag))
    }
}

/// Computes a tenant's positions until nobody watches or the process stops.
async fn compute(gateway: Arc<Gateway>, tenant: TenantId) {
    metrics::gauge!("atlasmesh_position_feeds").increment(1);
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = gateway.streams.stopped() => break,
            _ = tick.tick() => {}
        }
        let Some(before) = gateway.watched(&tenant) else { break };
        match gateway.places(&tenant).await {
            Ok(places) => gateway.publish(&tenant, before.next(places, gateway.source.now())),
            Err(error) => tracing::warn!(%tenant, %error, "positions must wait"),
        }
    }
    metrics::gauge!("atlasmesh_position_feeds").decrement(1);
}

impl Snapshot {
    fn next(&self, places: Vec<(VehicleId, Option<Place>)>, now: Timestamp) -> Self {
        let (ids, places): (Vec<VehicleId>, Vec<Option<Place>>) = places.into_iter().unzip();
        let round = self.round + 1;
        let is_same_set = self.set > 0 && ids == self.ids;
        let records = |is_wanted: &dyn Fn(usize) -> bool| {
            let mut bytes = Vec::with_capacity(places.len() * RECORD_BYTES);
            for (n, place) in places.iter().enumerate().filter(|(n, _)| is_wanted(*n)) {
                bytes.extend(place.iter().flat_map(|place| place.record(n, now)));
            }
            Bytes::from(bytes)
        };
        let all = records(&|_| true);
        let news = match is_same_set && !round.is_multiple_of(ALL_EVERY_ROUNDS) {
            true => records(&|n| places[n] != self.places[n]),
            false => all.clone(),
        };
        let set = self.set + u64::from(!is_same_set);
        let vehicles = if is_same_set { self.vehicles.clone() } else { numbered(&ids) };
        Self { round, set, vehicles, all, news, ids, places }
    }
}

fn numbered(ids: &[VehicleId]) -> String {
    let vehicles: Vec<_> = ids.iter().enumerate().map(|(n, id)| json!({ "n": n, "id": id })).collect();
    json!({ "vehicles": vehicles }).to_string()
}

impl Place {
    /// Casts from floating point stay within the target's range, so that nothing wraps.
    fn record(&self, n: usize, now: Timestamp) -> [u8; RECORD_BYTES] {
        let mut record = [0; RECORD_BYTES];
        let n = u32::try_from(n).unwrap_or(u32::MAX);
        let heading = (self.heading_deg.rem_euclid(360.0) * 100.0).round() as u16 % 36_000;
        let age_ms = u32::try_from(now.since_ms(self.seen_at).max(0)).unwrap_or(u32::MAX);
        record[0..4].copy_from_slice(&n.to_le_bytes());
        record[4..8].copy_from_slice(&((self.at.lat() * 1e7).round() as i32).to_le_bytes());
        record[8..12].copy_from_slice(&((self.at.lon() * 1e7).round() as i32).to_le_bytes());
        record[12..14].copy_from_slice(&heading.to_le_bytes());
        record[14..16].copy_from_slice(&((self.speed_mps * 100.0).round() as u16).to_le_bytes());
        record[16..20].copy_from_slice(&age_ms.to_le_bytes());
        record[20..22].copy_from_slice(&self.flags.to_le_bytes());
        record
    }
}

#[cfg(test)]
mod tests {
    use kernel::id::TypedId;
    use kernel::testing::START;

    use super::*;

    fn place(lat: f64, flags: u16) -> Option<Place> {
        let at = Coordinate::new(lat, -71.25).unwrap();
        Some(Place { at, heading_deg: 359.999, speed_mps: 13.889, seen_at: START, flags })
    }

    #[test]
    fn a_record_has_its_fields_in_their_places() {
        let record = place(-29.9, ONLINE | CLAIMED).unwrap().record(7, START.plus_ms(1_500));
        let i32_at = |from: usize| i32::from_le_bytes(record[from..from + 4].try_into().unwrap());
        let u16_at = |from: usize| u16::from_le_bytes(record[from..from + 2].try_into().unwrap());
        assert_eq!([i32_at(0), i32_at(4), i32_at(8), i32_at(16)], [7, -299_000_000, -712_500_000, 1_500]);
        assert_eq!([u16_at(12), u16_at(14), u16_at(20), u16_at(22)], [0, 1_389, 33, 0]);
    }

    #[test]
    fn only_what_changed_is_news_until_all_is_sent_again() {
        let id = VehicleId::from_u128;
        let mut snapshot = Snapshot::default();
        let mut rounds = Vec::new();
        let moves = [-29.9, -29.9, -29.8, -29.8, -29.8, -29.8];
        for lat in moves {
            snapshot = snapshot.next(vec![(id(1), place(lat, 0)), (id(2), place(0.0, 0)), (id(3), None)], START);
            rounds.push((snapshot.set, snapshot.news.len() / RECORD_BYTES));
            assert_eq!(snapshot.all.len(), 2 * RECORD_BYTES);
        }
        assert_eq!(rounds, [(1, 2), (1, 0), (1, 1), (1, 0), (1, 2), (1, 0)]);
        let less = snapshot.next(vec![(id(2), place(0.0, 0))], START);
        assert_eq!((less.set, less.news.len()), (2, RECORD_BYTES), "numbers hold within one set");
        let told: serde_json::Value = serde_json::from_str(&less.vehicles).unwrap();
        assert_eq!(told, serde_json::json!({ "vehicles": [{ "n": 0, "id": id(2) }] }));
    }
}
