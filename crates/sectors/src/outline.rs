//! Whether corners are the outline of an area that a person can have meant.

use kernel::{Coordinate, Reject};

/// The most corners of an area.
pub const CORNERS_MAX: usize = 500;
/// The smallest area, in square degrees: about a square metre.
const AREA_MIN: f64 = 1e-10;

/// # Errors
/// `/area`, where it has too few corners, too many, or encloses nothing.
pub(crate) fn check(corners: &[Coordinate]) -> Result<(), Reject> {
    if !(3..=CORNERS_MAX).contains(&corners.len()) {
        return Err(Reject::invalid_field("/area", "must have 3 to 500 corners"));
    }
    let next = corners.iter().cycle().skip(1);
    let doubled: f64 = corners.iter().zip(next).map(|(a, b)| a.lon() * b.lat() - b.lon() * a.lat()).sum();
    if doubled.abs() / 2.0 < AREA_MIN {
        return Err(Reject::invalid_field("/area", "must enclose an area: its corners lie in one line"));
    }
    Ok(())
}
