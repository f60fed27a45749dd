//! The emergency record (SAFE-2): stops leave even if the store cannot commit. Room for them was taken on the disk when
//! the server started; each is written there, sent from memory, and reconciled into the journal later.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use kernel::{CommandId, TenantId, Timestamp, VehicleId};
use serde::{Deserialize, Serialize};

/// The room that is taken in advance: some thousand stops. With it full, stops still leave; only their record waits
/// in memory.
const RECORD_BYTES: u64 = 1024 * 1024;

/// A stop that was ordered while the store could not commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmergencyStop {
    /// Whose vehicle.
    pub tenant: TenantId,
    /// Which vehicle.
    pub vehicle: VehicleId,
    /// The id under which it was sent; the journal will have it under the same.
    pub command: CommandId,
    /// now or nearest_admissible.
    pub class: String,
    /// Why.
    pub reason: String,
    /// Who ordered it: the principal's id and role.
    pub by: (String, String),
    /// When.
    pub at: Timestamp,
}

#[derive(Debug)]
struct Record {
    file: File,
    end: u64,
    waiting: Vec<EmergencyStop>,
}

/// The record on the disk and in memory.
#[derive(Debug)]
pub struct EmergencyRecord {
    record: Mutex<Record>,
}

impl EmergencyRecord {
    /// Opens the record in a folder, takes its room, and reads what a crash left in it.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join("emergency.jsonl");
        let mut file = File::options().create(true).truncate(false).read(true).write(true).open(path)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let (waiting, end) = read_lines(&text);
        if (text.len() as u64) < RECORD_BYTES {
            // Written, not merely seeked over: a hole in a file takes no room.
            file.seek(SeekFrom::Start(text.len() as u64))?;
            file.write_all(&vec![0; usize::try_from(RECORD_BYTES).unwrap_or(0) - text.len()])?;
            file.sync_all()?;
        }
        Ok(Self { record: Mutex::new(Record { file, end, waiting }) })
    }

    /// Keeps a stop. It waits in memory whatever the disk says; the answer tells whether the disk has it too.
    pub fn keep(&self, stop: EmergencyStop) -> io::Result<()> {
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        let line = serde_json::to_vec(&stop).map(|mut line| {
            line.push(b'\n');
            line
        })?;
        record.waiting.push(stop);
        if record.end + line.len() as u64 > RECORD_BYTES {
            return Err(io::Error::other("the emergency record is full"));
        }
        let end = record.end;
        record.file.seek(SeekFrom::Start(end))?;
        record.file.write_all(&line)?;
        record.file.sync_data()?;
        record.end += line.len() as u64;
        Ok(())
    }

    /// The oldest stop that is not in the journal yet.
    pub fn oldest(&self) -> Option<EmergencyStop> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner).waiting.first().cloned()
    }

    /// Forgets a stop that is in the journal now; the last one empties the record.
    pub fn reconciled(&self, command: CommandId) -> io::Result<()> {
        let mut record = self.record.lock().unwrap_or_else(PoisonError::into_inner);
        record.waiting.retain(|stop| stop.command != command);
        if record.waiting.is_empty() && record.end > 0 {
            record.file.seek(SeekFrom::Start(0))?;
            let blank = vec![0; usize::try_from(record.end).unwrap_or(0)];
            record.file.write_all(&blank)?;
            record.file.sync_data()?;
            record.end = 0;
        }
        Ok(())
    }
}

/// The stops in a record, and where the next one goes. A torn last line was never answered as kept.
fn read_lines(text: &[u8]) -> (Vec<EmergencyStop>, u64) {
    let mut stops = Vec::new();
    let mut end = 0;
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        match serde_json::from_slice(line) {
            Ok(stop) if line.ends_with(b"\n") => stops.push(stop),
            _ => break,
        }
        end += line.len() as u64;
    }
    (stops, end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel::id::TypedId;

    fn stop(n: u128) -> EmergencyStop {
        EmergencyStop {
            tenant: "north-pit".parse().unwrap(),
            vehicle: VehicleId::from_u128(1),
            command: CommandId::from_u128(n),
            class: "now".into(),
            reason: "smoke".into(),
            by: ("prin_x".into(), "dispatcher".into()),
            at: Timestamp::from_ms(1),
        }
    }

    #[test]
    fn a_stop_outlives_a_crash_and_is_forgotten_once_reconciled() {
        let folder = tempfile::tempdir().unwrap();
        let record = EmergencyRecord::open(folder.path()).unwrap();
        let length = std::fs::metadata(folder.path().join("emergency.jsonl")).unwrap().len();
        assert_eq!(length, RECORD_BYTES, "its room is taken before it is needed");
        record.keep(stop(1)).unwrap();
        record.keep(stop(2)).unwrap();
        drop(record);
        let record = EmergencyRecord::open(folder.path()).unwrap();
        assert_eq!(record.oldest(), Some(stop(1)));
        record.reconciled(stop(1).command).unwrap();
        assert_eq!(record.oldest(), Some(stop(2)));
        record.reconciled(stop(2).command).unwrap();
        assert_eq!(record.oldest(), None);
        record.keep(stop(3)).unwrap();
        drop(record);
        assert_eq!(EmergencyRecord::open(folder.path()).unwrap().oldest(), Some(stop(3)));
    }

    #[test]
    fn a_torn_line_is_cut() {
        let mut text = serde_json::to_vec(&stop(1)).unwrap();
        text.push(b'\n');
        let whole = text.len() as u64;
        let torn = serde_json::to_vec(&stop(2)).unwrap();
        for cut in 0..torn.len() {
            let bytes: Vec<u8> = text.iter().chain(&torn[..cut]).copied().collect();
            assert_eq!(read_lines(&bytes), (vec![stop(1)], whole));
        }
    }

    #[test]
    fn a_full_record_still_keeps_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let record = EmergencyRecord::open(folder.path()).unwrap();
        let mut kept = 0u128;
        while record.keep(stop(kept)).is_ok() {
            kept += 1;
            assert!(kept < 100_000);
        }
        assert!(kept > 1_000, "{kept}");
        for n in 0..=kept {
            assert_eq!(record.oldest(), Some(stop(n)));
            record.reconciled(stop(n).command).unwrap();
        }
        record.keep(stop(7)).unwrap();
    }
}
