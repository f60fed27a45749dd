//! The watermark: the time before which no record is waited for.

use serde::{Deserialize, Serialize};

use crate::limits::{Dropped, Limits};

/// Follows the newest record, but no single wild one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Clock {
    pub(crate) watermark: i64,
    newest: Option<i64>,
    /// Records in a row that were far ahead.
    ahead: u32,
    /// Records in a row that were too late.
    behind: u32,
}

impl Default for Clock {
    fn default() -> Self {
        Self { watermark: i64::MIN, newest: None, ahead: 0, behind: 0 }
    }
}

impl Clock {
    /// Whether a record of `at` is in time.
    pub(crate) fn observe(&mut self, at: i64, limits: &Limits, dropped: &mut Dropped) -> bool {
        if at < self.watermark {
            dropped.late += 1;
            self.behind += 1;
            if self.behind < limits.back_records {
                return false;
            }
            dropped.steps_back += 1;
            *self = Self { watermark: at.saturating_sub(limits.lateness_ms), newest: Some(at), ahead: 0, behind: 0 };
            return true;
        }
        self.behind = 0;
        let newest = self.newest.unwrap_or(at);
        if at > newest.saturating_add(limits.step_ms) {
            self.ahead += 1;
            if self.ahead < limits.step_records {
                return true;
            }
        }
        self.ahead = 0;
        self.newest = Some(newest.max(at));
        self.watermark = self.watermark.max(newest.max(at).saturating_sub(limits.lateness_ms));
        true
    }

    pub(crate) fn advance(&mut self, watermark: i64) {
        if watermark > self.watermark {
            self.watermark = watermark;
            self.newest = Some(self.newest.unwrap_or(watermark).max(watermark));
        }
    }
}
