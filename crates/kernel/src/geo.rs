//! Places on the Earth: WGS 84 degrees, distances in metres, bearings in degrees clockwise from north.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Mean radius of the Earth in metres (IUGG 1980, R₁).
pub const EARTH_RADIUS_M: f64 = 6_371_008.8;

/// How far from a vehicle a route for it may begin, in metres: the error of a position among high buildings. Beyond it a
/// vehicle refuses the route.
pub const ROUTE_START_M_MAX: f64 = 50.0;

/// A place, in WGS 84 degrees. Always finite and in range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "LatLon", into = "LatLon")]
#[schemars(!try_from, !into, deny_unknown_fields)]
pub struct Coordinate {
    #[schemars(range(min = -90, max = 90))]
    lat: f64,
    #[schemars(range(min = -180, max = 180))]
    lon: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LatLon {
    lat: f64,
    lon: f64,
}

/// A pair of numbers that is no place on the Earth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected lat from -90 to 90 and lon from -180 to 180 degrees")]
pub struct CoordinateError;

impl Coordinate {
    /// A place from latitude and longitude in degrees.
    pub fn new(lat: f64, lon: f64) -> Result<Self, CoordinateError> {
        if (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon) {
            // Adding zero makes minus zero zero: canonical JSON has only one, and a place reads back as it was written.
            Ok(Self { lat: lat + 0.0, lon: lon + 0.0 })
        } else {
            Err(CoordinateError)
        }
    }

    /// Latitude in degrees.
    pub fn lat(self) -> f64 {
        self.lat
    }

    /// Longitude in degrees.
    pub fn lon(self) -> f64 {
        self.lon
    }

    /// Great-circle distance in metres (haversine).
    pub fn distance_m(self, other: Coordinate) -> f64 {
        let (lat_a, lat_b) = (self.lat.to_radians(), other.lat.to_radians());
        let half_lat = ((lat_b - lat_a) / 2.0).sin();
        let half_lon = ((other.lon - self.lon).to_radians() / 2.0).sin();
        let h = half_lat * half_lat + lat_a.cos() * lat_b.cos() * half_lon * half_lon;
        2.0 * EARTH_RADIUS_M * h.sqrt().min(1.0).asin()
    }

    /// Initial bearing towards `other`.
    pub fn bearing_to(self, other: Coordinate) -> Bearing {
        let (lat_a, lat_b) = (self.lat.to_radians(), other.lat.to_radians());
        let d_lon = (other.lon - self.lon).to_radians();
        let y = d_lon.sin() * lat_b.cos();
        let x = lat_a.cos() * lat_b.sin() - lat_a.sin() * lat_b.cos() * d_lon.cos();
        Bearing::from_degrees(y.atan2(x).to_degrees())
    }

    /// The place at `fraction` (0 to 1) of the straight line to `other`; good for road segments, not for oceans.
    pub fn towards(self, other: Coordinate, fraction: f64) -> Coordinate {
        let t = fraction.clamp(0.0, 1.0);
        Coordinate { lat: self.lat + (other.lat - self.lat) * t, lon: self.lon + (other.lon - self.lon) * t }
    }

    /// How far along the straight line from `a` to `b` the place nearest to this one is, 0 to 1. Degrees of longitude are
    /// shortened to those of latitude; a piece of a road is short enough for that.
    pub fn foot_on(self, a: Coordinate, b: Coordinate) -> f64 {
        let shrink = a.lat.to_radians().cos();
        let plane = |c: Coordinate| ((c.lon - a.lon) * shrink, c.lat - a.lat);
        let ((px, py), (bx, by)) = (plane(self), plane(b));
        let length_squared = bx * bx + by * by;
        if length_squared > 0.0 { ((px * bx + py * by) / length_squared).clamp(0.0, 1.0) } else { 0.0 }
    }
}

impl TryFrom<LatLon> for Coordinate {
    type Error = CoordinateError;
    fn try_from(value: LatLon) -> Result<Self, CoordinateError> {
        Self::new(value.lat, value.lon)
    }
}

impl From<Coordinate> for LatLon {
    fn from(value: Coordinate) -> Self {
        Self { lat: value.lat, lon: value.lon }
    }
}

/// A direction in degrees clockwise from north, from 0 up to but not including 360.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Bearing(f64);

impl Bearing {
    /// Any number of degrees, brought into range.
    pub fn from_degrees(degrees: f64) -> Self {
        let turned = degrees.rem_euclid(360.0);
        Self(if turned < 360.0 { turned } else { 0.0 })
    }

    /// Degrees clockwise from north.
    pub fn degrees(self) -> f64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A row of state is written from memory and compared with what was read back from the journal.
        #[test]
        fn a_place_is_read_back_as_it_was_written(lat in -90.0..=90.0, lon in -180.0..=180.0) {
            let written = serde_json::to_string(&Coordinate::new(lat, lon).unwrap()).unwrap();
            let read: Coordinate = serde_json::from_str(&written).unwrap();
            prop_assert_eq!(serde_json::to_string(&read).unwrap(), written);
        }
    }

    #[test]
    fn distances_and_bearings() {
        let at = |lat, lon| Coordinate::new(lat, lon).expect("in range");
        let quarter = at(0.0, 0.0).distance_m(at(0.0, 90.0));
        assert!((quarter - EARTH_RADIUS_M * std::f64::consts::FRAC_PI_2).abs() < 1e-3);
        assert_eq!(at(0.0, 0.0).bearing_to(at(0.0, 1.0)).degrees(), 90.0);
        assert_eq!(at(0.0, 0.0).towards(at(2.0, 4.0), 0.5), at(1.0, 2.0));
        assert!(Coordinate::new(f64::NAN, 0.0).is_err() && Coordinate::new(90.1, 0.0).is_err());
        assert!(serde_json::from_str::<Coordinate>(r#"{"lat":0,"lon":181}"#).is_err());
        assert_eq!(serde_json::to_string(&at(-0.0, -0.0)).unwrap(), r#"{"lat":0.0,"lon":0.0}"#);
        assert_eq!(Bearing::from_degrees(-1e-20).degrees(), 0.0);
    }
}
