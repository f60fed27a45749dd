//! What is asked about trips, and who may.

use kernel::{Permission, Role};
use policy::{Action, PolicyModule};

/// Creates a trip (TRIP-2). Resource: the trip.
pub const REQUEST_TRIP: Action = Action::decided("trip.request");
/// Gives a vehicle a trip (TRIP-6). Resource: the vehicle; the decision is about the trip too.
pub const ASSIGN_VEHICLE: Action = Action::decided("vehicle.assign");
/// Checks a moving vehicle against the rules (TRIP-8). Resource: the trip; the decision is about the vehicle too.
pub const MONITOR_TRIP: Action = Action::monitored("trip.monitor");
/// Lets a stopped or paused trip go on. Resource: the trip.
pub const RESUME_TRIP: Action = Action::decided("trip.resume");
/// Cancels a trip.
pub const CANCEL_TRIP: Action = Action::restrictive("trip.cancel");

/// The trips' part of the policy bundle.
pub const POLICY: PolicyModule = PolicyModule {
    actions: &[REQUEST_TRIP, ASSIGN_VEHICLE, MONITOR_TRIP, RESUME_TRIP, CANCEL_TRIP],
    sources: &[
        ("trips.cedarschema", include_str!("../policies/trips.cedarschema")),
        ("base/assignment.cedar", include_str!("../policies/assignment.cedar")),
        ("base/monitoring.cedar", include_str!("../policies/monitoring.cedar")),
        ("base/resume.cedar", include_str!("../policies/resume.cedar")),
        ("base/trip.cedar", include_str!("../policies/trip.cedar")),
    ],
};

/// Asking for trips.
pub const MAY_REQUEST_TRIP: Permission = Permission::new("ask for trips", &[Role::Dispatcher]);
/// Cancelling trips, which only reduces risk.
pub const MAY_CANCEL_TRIP: Permission = Permission::new("cancel trips", &[Role::Dispatcher, Role::SafetyOfficer]);
/// Letting a standing vehicle go on.
pub const MAY_RESUME_TRIP: Permission = Permission::new("let vehicles go on", &[Role::Dispatcher]);
/// Taking and answering a vehicle's request for assistance.
pub const MAY_ASSIST: Permission =
    Permission::new("answer requests for assistance", &[Role::Dispatcher, Role::SafetyOfficer]);
