//! What is asked about software updates, and who may.

use kernel::{Permission, Role};
use policy::{Action, PolicyModule};

/// Publishes a release (OTA-1). Resource: the release.
pub const PUBLISH_RELEASE: Action = Action::decided("release.publish");
/// Lets a rollout begin (OTA-2). Resource: the rollout.
pub const START_ROLLOUT: Action = Action::decided("rollout.start");
/// Opens the next stage by a person's word. Resource: the rollout.
pub const ADVANCE_ROLLOUT: Action = Action::decided("rollout.advance");
/// Lets a paused rollout go on. Resource: the rollout.
pub const RESUME_ROLLOUT: Action = Action::decided("rollout.resume");
/// Takes a release back by another. Resource: the rollout.
pub const REVERT_ROLLOUT: Action = Action::decided("rollout.revert");
/// Offers an update to a vehicle (OTA-3). Resource: the vehicle.
pub const OFFER_UPDATE: Action = Action::decided("update.offer");
/// Writes the inactive slot (OTA-6). Resource: the vehicle.
pub const INSTALL_UPDATE: Action = Action::decided("update.install");
/// Boots the slot that was written (SAFE-12). Resource: the vehicle.
pub const SWITCH_UPDATE: Action = Action::decided("update.switch");
/// Stops offers.
pub const PAUSE_ROLLOUT: Action = Action::restrictive("rollout.pause");
/// Ends a rollout.
pub const ABORT_ROLLOUT: Action = Action::restrictive("rollout.abort");

/// The part of the policy bundle that is about updates.
pub const POLICY: PolicyModule = PolicyModule {
    actions: &[
        PUBLISH_RELEASE,
        START_ROLLOUT,
        ADVANCE_ROLLOUT,
        RESUME_ROLLOUT,
        REVERT_ROLLOUT,
        OFFER_UPDATE,
        INSTALL_UPDATE,
        SWITCH_UPDATE,
        PAUSE_ROLLOUT,
        ABORT_ROLLOUT,
    ],
    sources: &[
        ("ota.cedarschema", include_str!("../policies/ota.cedarschema")),
        ("base/rollouts.cedar", include_str!("../policies/rollouts.cedar")),
        ("base/updates.cedar", include_str!("../policies/vehicles.cedar")),
    ],
};

/// Reading releases, rollouts and what vehicles run.
pub const MAY_READ_UPDATES: Permission = Permission::new(
    "read releases and rollouts",
    &[Role::Dispatcher, Role::SafetyOfficer, Role::Technician, Role::SecurityAnalyst, Role::Viewer],
);
/// Uploading images and publishing releases.
pub const MAY_PUBLISH_RELEASE: Permission = Permission::new("publish releases", &[Role::Technician]);
/// Planning rollouts, which does not yet change a vehicle.
pub const MAY_PLAN_ROLLOUT: Permission = Permission::new("plan rollouts", &[Role::SafetyOfficer, Role::Technician]);
/// Starting rollouts, opening their stages, letting them go on, taking them back.
pub const MAY_RUN_ROLLOUT: Permission = Permission::new("start, resume and revert rollouts", &[Role::SafetyOfficer]);
/// Stopping a rollout is open to everybody who works with vehicles.
pub const MAY_STOP_ROLLOUT: Permission =
    Permission::new("pause and abort rollouts", &[Role::Dispatcher, Role::SafetyOfficer, Role::Technician]);
