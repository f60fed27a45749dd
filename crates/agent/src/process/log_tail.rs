//! The newest lines of this process's log, kept for whoever looks into an incident.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

/// Lines that are kept.
const LINES_MAX: usize = 1_000;
/// The longest line.
const LINE_BYTES_MAX: usize = 1_000;

static LINES: Mutex<VecDeque<String>> = Mutex::new(VecDeque::new());

/// Writes to standard error, and remembers.
#[derive(Debug, Default)]
pub struct Tee;

impl Write for Tee {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
        for line in String::from_utf8_lossy(bytes).lines() {
            if lines.len() == LINES_MAX {
                lines.pop_front();
            }
            lines.push_back(line.chars().take(LINE_BYTES_MAX).collect());
        }
        drop(lines);
        io::stderr().write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// The lines that are about a vehicle, or about none, the oldest first: a process may run many vehicles.
pub(super) fn lines_of(vehicle: &str) -> Vec<String> {
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    let is_of = |line: &&String| line.contains(vehicle) || !line.contains("veh_");
    lines.iter().filter(is_of).cloned().collect()
}
