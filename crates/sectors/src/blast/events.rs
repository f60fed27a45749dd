//! What happens to a blast.

use kernel::id::RestrictionId;
use kernel::{Coordinate, SiteId, Timestamp};
use serde::{Deserialize, Serialize};

kernel::domain_events! {
    /// What can happen to a blast.
    pub enum BlastEvent {
        "blast.planned" 1 => Planned(BlastPlanned),
        "blast.clearing" 1 => Clearing(BlastClearing),
        "blast.guarded" 1 => Guarded(BlastGuarded),
        "blast.overdue" 1 => Overdue(BlastOverdue),
        "blast.fired" 1 => Fired(BlastFired),
        "blast.misfired" 1 => Misfired(BlastMisfired),
        "blast.examination_due" 1 => ExaminationDue(BlastExaminationDue),
        "blast.examined" 1 => Examined(BlastExamined),
        "blast.released" 1 => Released(BlastReleased),
        "blast.called_off" 1 => CalledOff(BlastCalledOff),
    }
}

/// A blast is announced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlastPlanned {
    pub site: SiteId,
    pub name: String,
    pub area: Vec<Coordinate>,
    pub fire_at: Timestamp,
    pub by: String,
}

/// Its area is closed, and whoever is inside leaves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlastClearing {
    pub restriction: RestrictionId,
    pub by: String,
    pub reason: String,
}

/// Everybody is out, and every way in is guarded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlastGuarded {
    pub posts: Vec<String>,
    pub by: String,
    pub reason: String,
}

/// It was not fired when it was to be. The area stays closed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlastOverdue {}

/// It was fired.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlastFired {
    pub by: String,
    pub reason: String,
}

/// Not everything went off: nobody goes near for a while.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlastMisfired {
    /// From when on it may be examined again.
    pub again_from: Timestamp,
    pub by: String,
    pub reason: String,
}

/// The wait after a misfire is over. The area stays closed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlastExaminationDue {}

/// Somebody looked, and all is well.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlastExamined {
    pub by: String,
    pub reason: String,
}

/// The area is open again. Nothing moves by it (SAFE-13).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlastReleased {
    pub by: String,
    pub reason: String,
}

/// It is not fired.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlastCalledOff {
    pub by: String,
    pub reason: String,
}
