//! The emergency record (SAFE-2): what takes motion away leaves even if the store cannot commit. Room for it was taken on
//! the disk when the server started; each order waits in memory, from where it is sent, is written there, and is
//! reconciled into the journal later.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use fleet::vehicle::{HoldKind, HoldTiming, RequestedStop};
use fleet::{ground_body, stop_body};
use kernel::{CommandId, TenantId, Timestamp, TripId, VehicleId};
use link::v1::command::Body;
use link::{issue, v1};
use serde::{Deserialize, Serialize};
use trips::cancel_body;

/// The room that is taken in advance: some thousand orders. With it full, they still leave; only their record waits
/// in memory.
const RECORD_BYTES: u64 = 1024 * 1024;

/// What takes motion away.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Restriction {
    Stop(RequestedStop),
    /// The vehicle takes no trip, and stops where the timing says so.
    Hold {
        hold: HoldKind,
        timing: HoldTiming,
    },
    Cancel {
        trip: TripId,
        /// The claim under which it drives.
        claim_epoch: u64,
    },
}

/// An order that was given while the store could not commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EmergencyOrder {
    pub tenant: TenantId,
    pub vehicle: VehicleId,
    /// The id under which it was sent; the journal will have a stop or hold under the same.
    pub command: CommandId,
    pub restriction: Restriction,
    pub reason: String,
    /// Who ordered it: the principal's id and role.
    pub by: (String, String),
    pub at: Timestamp,
}

impl EmergencyOrder {
    /// The order as it goes over the wire.
    pub fn message(&self) -> v1::ToVehicle {
        let (claim_epoch, body): (u64, Body) = match &self.restriction {
            Restriction::Stop(requested) => (0, stop_body(*requested, self.reason.clone())),
            Restriction::Hold { timing, .. } => (0, ground_body(self.command, *timing, self.reason.clone())),
            Restriction::Cancel { trip, claim_epoch } => (*claim_epoch, cancel_body(*trip, self.reason.clone())),
        };
        issue::message(issue::command(self.command, claim_epoch, self.at, body))
    }
}

#[derive(Debug)]
struct Written {
    file: File,
    end: u64,
}

/// The record on the disk and in memory. Who asks what waits never waits for the disk.
#[derive(Debug)]
pub struct EmergencyRecord {
    waiting: Mutex<Vec<EmergencyOrder>>,
    written: Mutex<Written>,
}

impl EmergencyRecord {
    /// The record's file in the data folder.
    pub const FILE: &str = "emergency.jsonl";

    /// Opens the record in a folder, takes its room, and reads what a crash left in it.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join(Self::FILE);
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
        Ok(Self { waiting: Mutex::new(waiting), written: Mutex::new(Written { file, end }) })
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<EmergencyOrder>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps an order in memory: from now on it reaches the vehicle. [`Self::write`] puts it on the disk.
    pub fn keep(&self, order: EmergencyOrder) {
        self.waiting().push(order);
    }

    /// Writes an order to the disk, however long that takes.
    ///
    /// # Errors
    /// Whatever the disk says, or that the record is full: the order waits in memory only.
    pub fn write(&self, order: &EmergencyOrder) -> io::Result<()> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.end + line.len() as u64 > RECORD_BYTES {
            return Err(io::Error::other("the emergency record is full"));
        }
        let end = written.end;
        written.file.seek(SeekFrom::Start(end))?;
        written.file.write_all(&line)?;
        written.file.sync_data()?;
        written.end += line.len() as u64;
        Ok(())
    }

    /// The oldest order that is not in the journal yet.
    pub fn oldest(&self) -> Option<EmergencyOrder> {
        self.waiting().first().cloned()
    }

    /// What waits for one vehicle, the oldest first.
    pub fn of_vehicle(&self, tenant: &TenantId, vehicle: VehicleId) -> Vec<EmergencyOrder> {
        self.waiting().iter().filter(|order| order.tenant == *tenant && order.vehicle == vehicle).cloned().collect()
    }

    /// Forgets an order that is in the journal now; the last one empties the record.
    ///
    /// # Errors
    /// Whatever the disk says: the order comes again after a restart, which changes nothing.
    pub fn reconciled(&self, command: CommandId) -> io::Result<()> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let is_empty = {
            let mut waiting = self.waiting();
            waiting.retain(|order| order.command != command);
            waiting.is_empty()
        };
        if is_empty && written.end > 0 {
            written.file.seek(SeekFrom::Start(0))?;
            let blank = vec![0; usize::try_from(written.end).unwrap_or(0)];
            written.file.write_all(&blank)?;
            written.file.sync_data()?;
            written.end = 0;
        }
        Ok(())
    }
}

/// The orders in a record, and where the next one goes. A torn last line was never answered as kept.
fn read_lines(text: &[u8]) -> (Vec<EmergencyOrder>, u64) {
    let mut orders = Vec::new();
    let mut end = 0;
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        match serde_json::from_slice(line) {
            Ok(order) if line.ends_with(b"\n") => orders.push(order),
            _ => break,
        }
        end += line.len() as u64;
    }
    (orders, end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fleet::vehicle::StopClass;
    use kernel::Coordinate;
    use kernel::id::TypedId;

    fn order(n: u128) -> EmergencyOrder {
        let restriction = match n % 3 {
            0 => Restriction::Hold { hold: HoldKind::Grounded, timing: HoldTiming::Now },
            1 => {
                let place = Coordinate::new(-29.95, -71.34).unwrap();
                Restriction::Stop(RequestedStop::new(StopClass::AtPlace, Some(place)).unwrap())
            }
            _ => Restriction::Cancel { trip: TripId::from_u128(7), claim_epoch: 3 },
        };
        EmergencyOrder {
            tenant: "north-pit".parse().unwrap(),
            vehicle: VehicleId::from_u128(1),
            command: CommandId::from_u128(n),
            restriction,
            reason: "smoke".into(),
            by: ("prin_x".into(), "dispatcher".into()),
            at: Timestamp::from_ms(1),
        }
    }

    fn keep(record: &EmergencyRecord, n: u128) -> io::Result<()> {
        record.keep(order(n));
        record.write(&order(n))
    }

    #[test]
    fn an_order_outlives_a_crash_and_is_forgotten_once_reconciled() {
        let folder = tempfile::tempdir().unwrap();
        let record = EmergencyRecord::open(folder.path()).unwrap();
        let length = std::fs::metadata(folder.path().join("emergency.jsonl")).unwrap().len();
        assert_eq!(length, RECORD_BYTES, "its room is taken before it is needed");
        keep(&record, 1).unwrap();
        keep(&record, 2).unwrap();
        drop(record);
        let record = EmergencyRecord::open(folder.path()).unwrap();
        assert_eq!(record.oldest(), Some(order(1)));
        assert_eq!(record.of_vehicle(&order(1).tenant, order(1).vehicle), [order(1), order(2)]);
        assert_eq!(record.of_vehicle(&"other".parse().unwrap(), order(1).vehicle), []);
        record.reconciled(order(1).command).unwrap();
        assert_eq!(record.oldest(), Some(order(2)));
        record.reconciled(order(2).command).unwrap();
        assert_eq!(record.oldest(), None);
        keep(&record, 3).unwrap();
        drop(record);
        assert_eq!(EmergencyRecord::open(folder.path()).unwrap().oldest(), Some(order(3)));
    }

    #[test]
    fn a_torn_line_is_cut() {
        let mut text = serde_json::to_vec(&order(1)).unwrap();
        text.push(b'\n');
        let whole = text.len() as u64;
        let torn = serde_json::to_vec(&order(2)).unwrap();
        for cut in 0..torn.len() {
            let bytes: Vec<u8> = text.iter().chain(&torn[..cut]).copied().collect();
            assert_eq!(read_lines(&bytes), (vec![order(1)], whole));
        }
    }

    #[test]
    fn a_full_record_still_keeps_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let record = EmergencyRecord::open(folder.path()).unwrap();
        let mut kept = 0u128;
        while keep(&record, kept).is_ok() {
            kept += 1;
            assert!(kept < 100_000);
        }
        assert!(kept > 1_000, "{kept}");
        for n in 0..=kept {
            assert_eq!(record.oldest(), Some(order(n)));
            record.reconciled(order(n).command).unwrap();
        }
        keep(&record, 7).unwrap();
    }
}
