//! What can be asked, and which acts need no asking.

use serde::{Deserialize, Serialize};

/// An act that policy is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Action {
    /// Take a vehicle into the fleet (ONB-2). Resource: the vehicle.
    #[serde(rename = "vehicle.register")]
    RegisterVehicle,
    /// Create a trip (TRIP-2). Resource: the trip.
    #[serde(rename = "trip.request")]
    RequestTrip,
    /// Give a vehicle a trip (TRIP-6). Resource: the vehicle; the decision is about the trip too.
    #[serde(rename = "vehicle.assign")]
    AssignVehicle,
    /// Check a moving vehicle against the rules (TRIP-8). Resource: the trip; the decision is about the vehicle too.
    #[serde(rename = "trip.monitor")]
    MonitorTrip,
    /// Let a stopped or paused trip go on. Resource: the trip.
    #[serde(rename = "trip.resume")]
    ResumeTrip,
    /// Clear a vehicle's stop: it may be dispatched again (SAFE-13). Resource: the vehicle.
    #[serde(rename = "stop.clear")]
    ClearStop,
    /// Release a hold of a vehicle (SAFE-17). Resource: the vehicle.
    #[serde(rename = "hold.release")]
    ReleaseHold,
    /// Open a closed road or zone again. Resource: the site.
    #[serde(rename = "closure.lift")]
    LiftClosure,
    /// Bring a site's map into use. Resource: the site.
    #[serde(rename = "site.import")]
    ImportSite,
    /// Put a hold on a vehicle. Restrictive.
    #[serde(rename = "hold.place")]
    PlaceHold,
    /// Ground a vehicle. Restrictive.
    #[serde(rename = "vehicle.ground")]
    GroundVehicle,
    /// Stop a vehicle. Restrictive.
    #[serde(rename = "vehicle.stop")]
    StopVehicle,
    /// Cancel a trip. Restrictive.
    #[serde(rename = "trip.cancel")]
    CancelTrip,
    /// Close a road or a zone. Restrictive.
    #[serde(rename = "closure.place")]
    PlaceClosure,
}

impl Action {
    /// Every action.
    pub const ALL: [Action; 14] = [
        Action::RegisterVehicle,
        Action::RequestTrip,
        Action::AssignVehicle,
        Action::MonitorTrip,
        Action::ResumeTrip,
        Action::ClearStop,
        Action::ReleaseHold,
        Action::LiftClosure,
        Action::ImportSite,
        Action::PlaceHold,
        Action::GroundVehicle,
        Action::StopVehicle,
        Action::CancelTrip,
        Action::PlaceClosure,
    ];

    /// The name in policies and in the journal.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::RegisterVehicle => "vehicle.register",
            Action::RequestTrip => "trip.request",
            Action::AssignVehicle => "vehicle.assign",
            Action::MonitorTrip => "trip.monitor",
            Action::ResumeTrip => "trip.resume",
            Action::ClearStop => "stop.clear",
            Action::ReleaseHold => "hold.release",
            Action::LiftClosure => "closure.lift",
            Action::ImportSite => "site.import",
            Action::PlaceHold => "hold.place",
            Action::GroundVehicle => "vehicle.ground",
            Action::StopVehicle => "vehicle.stop",
            Action::CancelTrip => "trip.cancel",
            Action::PlaceClosure => "closure.place",
        }
    }

    /// Whether the act can only reduce risk. Such an act is allowed whatever policy, facts or bundle say (SAFE-1): a
    /// caller may ask, so that the journal shows a decision, and the answer is always yes. The schema must not declare
    /// it, so no rule can name it.
    pub fn is_restrictive(self) -> bool {
        matches!(
            self,
            Action::PlaceHold | Action::GroundVehicle | Action::StopVehicle | Action::CancelTrip | Action::PlaceClosure
        )
    }
}

impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
