//! What is asked about maintenance, and who may.

use kernel::{Permission, Role};
use policy::{Action, PolicyModule};

/// Grounds a vehicle because of what is predicted (PDM-6). Resource: the vehicle.
pub const GROUND_PREDICTED: Action = Action::decided("vehicle.ground_predicted");
/// Lets the workshop plan an order. Resource: the work order.
pub const APPROVE_ORDER: Action = Action::decided("work_order.approve");
/// Returns a vehicle to service (PDM-8). Resource: the vehicle.
pub const RETURN_VEHICLE: Action = Action::decided("vehicle.return_to_service");
/// Lets a model decide (PDM-7). Resource: the model.
pub const PROMOTE_MODEL: Action = Action::decided("model.promote");
/// Lets the model before decide again. Resource: the model.
pub const ROLL_BACK_MODEL: Action = Action::decided("model.roll_back");

/// The part of the policy bundle that is about maintenance.
pub const POLICY: PolicyModule = PolicyModule {
    actions: &[GROUND_PREDICTED, APPROVE_ORDER, RETURN_VEHICLE, PROMOTE_MODEL, ROLL_BACK_MODEL],
    sources: &[
        ("maintenance.cedarschema", include_str!("../policies/maintenance.cedarschema")),
        ("base/maintenance.cedar", include_str!("../policies/maintenance.cedar")),
        ("base/models.cedar", include_str!("../policies/models.cedar")),
    ],
};

/// Reading the health of components, work orders and models.
pub const MAY_READ_MAINTENANCE: Permission = Permission::new(
    "read the health of vehicles, work orders and models",
    &[Role::Dispatcher, Role::SafetyOfficer, Role::Technician, Role::SecurityAnalyst, Role::Viewer],
);
/// Asking for work, and taking it back.
pub const MAY_REQUEST_ORDER: Permission =
    Permission::new("ask for work orders", &[Role::Dispatcher, Role::SafetyOfficer, Role::Technician]);
/// Approving work.
pub const MAY_APPROVE_ORDER: Permission =
    Permission::new("approve work orders", &[Role::SafetyOfficer, Role::Technician]);
/// Doing the work, and returning the vehicle.
pub const MAY_WORK_ON_ORDER: Permission =
    Permission::new("work on vehicles and return them to service", &[Role::Technician]);
/// Grounding a vehicle where a rule may not do it by itself.
pub const MAY_GROUND: Permission =
    Permission::new("ground a vehicle that is predicted to fail", &[Role::SafetyOfficer, Role::Technician]);
/// Saying what the workshop has.
pub const MAY_SET_WORKSHOP: Permission = Permission::new("say what the workshop has", &[Role::Technician]);
/// Training models and letting them decide.
pub const MAY_MANAGE_MODELS: Permission = Permission::new("train models and let them decide", &[Role::SafetyOfficer]);
