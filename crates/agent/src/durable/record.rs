//! The records of the durable state. Their encoding is protobuf, field numbers are never reused, and messages of the
//! protocol are kept as they came, so that a newer agent reads what an older one wrote.

use link::v1;

/// Where a trip is on the vehicle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum Phase {
    Accepted = 0,
    ToPickup = 1,
    AtPickup = 2,
    OnTrip = 3,
    AtDropoff = 4,
}

/// Why a trip stands until somebody lets it go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, prost::Enumeration)]
#[repr(i32)]
pub enum Latch {
    Free = 0,
    /// The claim lapsed: the server's fresh word for the same claim is enough.
    Unclaimed = 1,
    /// A command stopped it, a rule was broken, or the agent restarted: needs Resume.
    Stopped = 2,
}

/// The bodies of the records.
#[allow(missing_docs, reason = "the fields of each record follow from its variant's text in `Record`")]
pub mod records {
    use super::v1;

    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Boot {
        #[prost(uint64, tag = "1")]
        pub counter: u64,
        #[prost(string, tag = "2")]
        pub boot_id: String,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Dispatched {
        #[prost(message, optional, tag = "1")]
        pub command: Option<v1::Command>,
        #[prost(int64, tag = "2")]
        pub vehicle_time_us: i64,
        #[prost(double, tag = "3")]
        pub odometer_m: f64,
        #[prost(double, tag = "4")]
        pub battery_pct: f64,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Rerouted {
        #[prost(message, optional, tag = "1")]
        pub command: Option<v1::Command>,
        #[prost(double, tag = "2")]
        pub at_m: f64,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Latched {
        #[prost(enumeration = "super::Latch", tag = "1")]
        pub latch: i32,
        #[prost(string, tag = "2")]
        pub reason: String,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Acked {
        #[prost(string, tag = "1")]
        pub boot_id: String,
        #[prost(uint64, tag = "2")]
        pub through_seq: u64,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Cancelled {
        #[prost(string, tag = "1")]
        pub trip_id: String,
        #[prost(uint64, tag = "2")]
        pub claim_epoch: u64,
    }
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Sampled {
        #[prost(string, tag = "1")]
        pub boot_id: String,
        #[prost(message, optional, tag = "2")]
        pub sample: Option<v1::Sample>,
    }
}

/// One change of what the agent knows.
#[derive(Clone, PartialEq, prost::Oneof)]
pub enum Record {
    #[prost(message, tag = "1")]
    Boot(records::Boot),
    /// A restrictive command holds the vehicle.
    #[prost(message, tag = "2")]
    Held(v1::Command),
    /// The restrictive command with this id holds no longer.
    #[prost(string, tag = "3")]
    Cleared(String),
    /// A dispatch is accepted; odometer and battery as of then.
    #[prost(message, tag = "4")]
    Dispatched(records::Dispatched),
    /// The path goes on by another route from so many metres.
    #[prost(message, tag = "5")]
    Rerouted(records::Rerouted),
    /// The trip is in another phase.
    #[prost(enumeration = "Phase", tag = "6")]
    Entered(i32),
    /// The trip stands, or may go on.
    #[prost(message, tag = "7")]
    Latched(records::Latched),
    /// The trip ends as soon as the vehicle stands, for this reason.
    #[prost(string, tag = "8")]
    Ending(String),
    #[prost(string, tag = "9")]
    TripOver(String),
    #[prost(message, tag = "10")]
    Reported(v1::TripReport),
    /// The server holds the reports of a boot up to a number.
    #[prost(message, tag = "11")]
    ReportsAcked(records::Acked),
    #[prost(message, tag = "12")]
    Sampled(records::Sampled),
    /// The server holds the samples of a boot up to a number.
    #[prost(message, tag = "13")]
    SamplesAcked(records::Acked),
    #[prost(message, tag = "14")]
    Command(v1::CommandState),
    /// The highest claim epoch heard of.
    #[prost(uint64, tag = "15")]
    Epoch(u64),
    /// Every claim of this trip was cancelled, as agents of before wrote it.
    #[prost(string, tag = "16")]
    CancelledWhole(String),
    /// The map that the vehicle holds.
    #[prost(string, tag = "17")]
    Map(String),
    /// Trips up to this claim epoch are over: a dispatch under it is a late repetition.
    #[prost(uint64, tag = "18")]
    Finished(u64),
    /// Where nobody may drive at the site, as it came.
    #[prost(message, tag = "19")]
    Rules(v1::Command),
    /// This trip was cancelled under its claims up to an epoch: a dispatch by them that comes late is refused.
    #[prost(message, tag = "20")]
    Cancelled(records::Cancelled),
    /// The newest checkpoint of the tenant's log, as it came.
    #[prost(bytes, tag = "21")]
    Checkpoint(Vec<u8>),
}

impl Record {
    /// Whether it must be on disk before anything that follows from it happens. Samples, acknowledgements and checkpoints
    /// may be lost with the machine's power: a second of history, a repetition, some entries of the log unwitnessed.
    pub fn must_sync(&self) -> bool {
        use Record::{Checkpoint, Epoch, ReportsAcked, Sampled, SamplesAcked};
        !matches!(self, Sampled(_) | SamplesAcked(_) | ReportsAcked(_) | Epoch(_) | Checkpoint(_))
    }
}

/// The message around records that count together or not at all.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Entry {
    #[prost(oneof = "Record", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21")]
    pub record: Option<Record>,
    /// What belongs to it, in order.
    #[prost(message, repeated, tag = "100")]
    pub also: Vec<Entry>,
}
