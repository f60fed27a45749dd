//! Speed limits of areas, kept by the vehicle itself with and without a link. The path is driven as its route plans it and
//! no faster than the limits in force upon it; where one begins to hold around the vehicle, it slows down gently (SAFE-14).

use std::sync::Arc;

use link::RuleKind;

use super::{Agent, Now};
use crate::path::{Path, SlowStretch};

/// The present path with the speed limits in force upon it, made once for each path and set of limits.
#[derive(Debug, Default)]
pub(super) struct SpeedLimits {
    of: Option<Arc<Path>>,
    slow: Vec<SlowStretch>,
    driven: Option<Arc<Path>>,
    /// How often the path to drive changed: a vehicle that drives is told.
    pub revision: u64,
}

impl Agent {
    /// Brings the path to drive to the limits in force.
    pub(super) fn look_up_speed_limits(&mut self, now: Now) {
        let Some(path) = self.plan.as_ref().map(|plan| Arc::clone(&plan.path)) else {
            self.limits = SpeedLimits { revision: self.limits.revision, ..SpeedLimits::default() };
            return;
        };
        let slow = self.slow_stretches(now);
        let is_same_path = self.limits.of.as_ref().is_some_and(|of| Arc::ptr_eq(of, &path));
        if is_same_path && self.limits.slow == slow {
            return;
        }
        let driven = if slow.is_empty() { Arc::clone(&path) } else { Arc::new(path.slowed(&slow)) };
        let revision = self.limits.revision + 1;
        self.limits = SpeedLimits { of: Some(path), slow, driven: Some(driven), revision };
    }

    fn slow_stretches(&self, now: Now) -> Vec<SlowStretch> {
        let slow = self.in_force(self.ruled.stretches(), 0.0, now).filter_map(|(rule, stretch)| match rule.kind {
            RuleKind::SpeedLimit(max_speed_mps) => {
                Some(SlowStretch { begin_m: stretch.begin_m, end_m: stretch.end_m, max_speed_mps })
            }
            RuleKind::Closed(_) => None,
        });
        slow.collect()
    }

    /// The path of the trip under way as the vehicle drives it.
    pub(super) fn driven_path(&self) -> Option<&Arc<Path>> {
        self.limits.driven.as_ref().or(self.plan.as_ref().map(|plan| &plan.path))
    }
}
