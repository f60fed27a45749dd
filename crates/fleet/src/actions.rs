//! What is asked about vehicles and sites, and who may.

use kernel::{Permission, Role};
use policy::{Action, PolicyModule};

/// Takes a vehicle into the fleet (ONB-2). Resource: the vehicle.
pub const REGISTER_VEHICLE: Action = Action::decided("vehicle.register");
/// Clears a vehicle's stop: it may be dispatched again (SAFE-13). Resource: the vehicle.
pub const CLEAR_STOP: Action = Action::decided("stop.clear");
/// Releases a hold of a vehicle (SAFE-17). Resource: the vehicle.
pub const RELEASE_HOLD: Action = Action::decided("hold.release");
/// Opens a closed road or zone again. Resource: the site.
pub const LIFT_CLOSURE: Action = Action::decided("closure.lift");
/// Brings a site's map into use. Resource: the site.
pub const IMPORT_SITE: Action = Action::decided("site.import");
/// Puts a hold on a vehicle.
pub const PLACE_HOLD: Action = Action::restrictive("hold.place");
/// Grounds a vehicle.
pub const GROUND_VEHICLE: Action = Action::restrictive("vehicle.ground");
/// Stops a vehicle.
pub const STOP_VEHICLE: Action = Action::restrictive("vehicle.stop");
/// Closes a road or a zone.
pub const PLACE_CLOSURE: Action = Action::restrictive("closure.place");

/// The fleet's part of the policy bundle.
pub const POLICY: PolicyModule = PolicyModule {
    actions: &[
        REGISTER_VEHICLE,
        CLEAR_STOP,
        RELEASE_HOLD,
        LIFT_CLOSURE,
        IMPORT_SITE,
        PLACE_HOLD,
        GROUND_VEHICLE,
        STOP_VEHICLE,
        PLACE_CLOSURE,
    ],
    sources: &[
        ("fleet.cedarschema", include_str!("../policies/fleet.cedarschema")),
        ("base/commands.cedar", include_str!("../policies/commands.cedar")),
        ("base/registration.cedar", include_str!("../policies/registration.cedar")),
    ],
};

/// Importing a map decides where vehicles drive.
pub const MAY_IMPORT_SITE: Permission = Permission::new("import a map", &[]);
/// Closing roads, drawing zones, and lifting both.
pub const MAY_RESTRICT_SITE: Permission =
    Permission::new("close roads or draw zones", &[Role::Dispatcher, Role::SafetyOfficer]);
/// Registering vehicles.
pub const MAY_REGISTER_VEHICLE: Permission = Permission::new("register vehicles", &[Role::Technician]);
/// Placing holds, and releasing one's own.
pub const MAY_HOLD_VEHICLE: Permission =
    Permission::new("hold vehicles", &[Role::Dispatcher, Role::SafetyOfficer, Role::Technician]);
/// Stopping is open to everybody who works with vehicles.
pub const MAY_STOP_VEHICLE: Permission =
    Permission::new("stop vehicles", &[Role::Dispatcher, Role::SafetyOfficer, Role::Technician]);
/// Clearing stops.
pub const MAY_CLEAR_STOP: Permission = Permission::new("clear stops", &[Role::Dispatcher, Role::SafetyOfficer]);
/// Reading sites, vehicles and trips.
pub const MAY_READ_FLEET: Permission = Permission::new(
    "read sites, vehicles and trips",
    &[Role::Dispatcher, Role::SafetyOfficer, Role::Technician, Role::SecurityAnalyst, Role::Viewer],
);
