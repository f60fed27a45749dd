//! What is asked about the sectors' work, and who may.

use kernel::{Permission, Role};
use policy::{Action, PolicyModule};

/// Says that everybody is out and access is guarded. Resource: the blast.
pub const GUARD: Action = Action::decided("blast.guard");
/// Fires. Resource: the blast.
pub const FIRE: Action = Action::decided("blast.fire");
/// Signs the examination after a blast. Resource: the blast.
pub const EXAMINE: Action = Action::decided("blast.examine");
/// Opens the area again. Resource: the blast.
pub const RELEASE_BLAST: Action = Action::decided("blast.release");
/// Calls a blast off, which opens its area where it is closed. Resource: the blast.
pub const CALL_OFF: Action = Action::decided("blast.call_off");
/// Closes the area of a blast and has everybody leave it.
pub const CLEAR: Action = Action::restrictive("blast.clear");

/// Lets a job go at the gate. Resource: the job.
pub const RELEASE_JOB: Action = Action::decided("job.release");
/// Calls a job off.
pub const CANCEL_JOB: Action = Action::restrictive("job.cancel");
/// Lets more be sent out at a site. Resource: its emission state.
pub const RELAX: Action = Action::decided("emission.relax");
/// Lets less be sent out at a site.
pub const TIGHTEN: Action = Action::restrictive("emission.tighten");
/// Clears a person or a vehicle. Resource: the clearance.
pub const GRANT: Action = Action::decided("clearance.grant");

/// The sectors' part of the policy bundle.
pub const POLICY: PolicyModule = PolicyModule {
    actions: &[GUARD, FIRE, EXAMINE, RELEASE_BLAST, CALL_OFF, CLEAR, RELEASE_JOB, CANCEL_JOB, RELAX, TIGHTEN, GRANT],
    sources: &[
        ("sectors.cedarschema", include_str!("../policies/sectors.cedarschema")),
        ("base/blasts.cedar", include_str!("../policies/blasts.cedar")),
        ("base/work.cedar", include_str!("../policies/work.cedar")),
    ],
};

/// Reading places, blasts, jobs, service areas, emission states and clearances.
pub const MAY_READ_WORK: Permission = Permission::new(
    "read the sector's work",
    &[Role::Dispatcher, Role::SafetyOfficer, Role::Technician, Role::Auditor, Role::Viewer],
);
/// Naming places, planning blasts and clearing their areas, asking for jobs, drawing service areas, tightening emissions.
pub const MAY_WORK: Permission = Permission::new("do the sector's work", &[Role::Dispatcher, Role::SafetyOfficer]);
/// Firing, examining and releasing blasts; granting clearances.
pub const MAY_ANSWER_FOR_SAFETY: Permission = Permission::new("answer for safety", &[Role::SafetyOfficer]);
