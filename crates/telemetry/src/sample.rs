//! What a vehicle measures, as it comes and as it is believed.

use kernel::{Bearing, Coordinate, FieldError, Timestamp, TripId};
use serde::{Deserialize, Serialize};

/// No land vehicle of the product goes faster, in metres per second.
const SPEED_MPS_MAX: f64 = 100.0;
/// How far a vehicle's clock may be ahead of ours, in milliseconds; beyond it its times order nothing.
const AHEAD_MS_MAX: i64 = 300_000;
/// How old a stored sample may be, in milliseconds: thirty days without a link.
const AGE_MS_MAX: i64 = 30 * 86_400_000;

/// A sample as it came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RawSample {
    /// Its number within the boot, from 1.
    pub seq: u64,
    /// When it was taken, by the vehicle's clock.
    pub vehicle_time: Timestamp,
    pub position: Coordinate,
    pub heading: Bearing,
    /// Speed, in metres per second.
    pub speed_mps: f64,
    /// State of charge, 0 to 100.
    pub battery_pct: f64,
    /// Distance driven in the vehicle's life, in metres.
    pub odometer_m: f64,
    pub mode: &'static str,
    pub trip: Option<TripId>,
    /// Distance along the trip's route, in metres.
    pub progress_m: f64,
    /// Bits, as the vehicle protocol has them.
    pub flags: u32,
}

/// A sample that is believed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    pub seq: u64,
    /// When it was taken, by the vehicle's clock.
    pub vehicle_time: Timestamp,
    pub position: Coordinate,
    /// Direction of motion, in degrees clockwise from north.
    pub heading_deg: f64,
    /// Speed, in metres per second.
    pub speed_mps: f64,
    /// State of charge, 0 to 100.
    pub battery_pct: f64,
    /// Distance driven in the vehicle's life, in metres.
    pub odometer_m: f64,
    pub mode: String,
    pub trip: Option<TripId>,
    /// Distance along the trip's route, in metres.
    pub progress_m: f64,
    /// Bits, as the vehicle protocol has them.
    pub flags: u32,
}

impl RawSample {
    /// The sample, if it can be true.
    ///
    /// # Errors
    /// The first field that cannot.
    pub fn validate(&self, received_at: Timestamp) -> Result<Sample, FieldError> {
        let wrong = |field: &str, message: &str| Err(FieldError { field: field.into(), message: message.into() });
        let ahead_ms = self.vehicle_time.since_ms(received_at);
        if self.seq == 0 {
            return wrong("/seq", "must be at least 1");
        }
        if !(-AGE_MS_MAX..=AHEAD_MS_MAX).contains(&ahead_ms) {
            return wrong("/vehicle_time", "must be at most 5 minutes ahead and 30 days old");
        }
        if !(0.0..=SPEED_MPS_MAX).contains(&self.speed_mps) {
            return wrong("/speed_mps", "must be from 0 to 100");
        }
        if !(0.0..=100.0).contains(&self.battery_pct) {
            return wrong("/battery_pct", "must be from 0 to 100");
        }
        if !(self.odometer_m.is_finite() && self.odometer_m >= 0.0 && self.progress_m.is_finite()) {
            return wrong("/odometer_m", "must be a distance");
        }
        Ok(Sample {
            seq: self.seq,
            vehicle_time: self.vehicle_time,
            position: self.position,
            heading_deg: self.heading.degrees(),
            speed_mps: self.speed_mps,
            battery_pct: self.battery_pct,
            odometer_m: self.odometer_m,
            mode: self.mode.into(),
            trip: self.trip,
            progress_m: self.progress_m,
            flags: self.flags,
        })
    }
}
