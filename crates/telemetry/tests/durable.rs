//! What was acknowledged is there, whatever happens to the process or the file's end.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;

use kernel::id::{BootId, TypedId};
use kernel::{Bearing, Coordinate, TenantId, Timestamp, VehicleId};
use telemetry::{Batch, Check, Ingest, RawSample};

const NOW: i64 = 1_795_489_212_000;

fn sample(seq: u64) -> RawSample {
    RawSample {
        seq,
        vehicle_time: Timestamp::from_ms(NOW + i64::try_from(seq).unwrap() * 1_000),
        position: Coordinate::new(-29.95, -71.3).unwrap(),
        heading: Bearing::from_degrees(90.0),
        speed_mps: 5.0,
        battery_pct: 80.0,
        odometer_m: 10.0,
        mode: "AUTONOMOUS",
        trip: None,
        progress_m: 0.0,
        flags: 0,
    }
}

fn ids() -> (TenantId, VehicleId, BootId) {
    ("north-pit".parse().unwrap(), VehicleId::from_u128(1), BootId::from_u128(2))
}

fn send(ingest: &Ingest, seqs: &[u64]) -> telemetry::Ack {
    let (tenant, vehicle, boot) = ids();
    let samples: Vec<RawSample> = seqs.iter().map(|&seq| sample(seq)).collect();
    let batch = Batch { vehicle, boot, samples: &samples, kept_from_seq: 0 };
    ingest.ingest(&tenant, batch, Timestamp::from_ms(NOW)).unwrap()
}

fn kept(ingest: &Ingest) -> Vec<u64> {
    let (tenant, vehicle, _) = ids();
    let (from, to) = (Timestamp::from_ms(0), Timestamp::from_ms(NOW * 2));
    ingest.history(&tenant, vehicle, from, to, 10_000).unwrap().into_iter().map(|(_, sample)| sample.seq).collect()
}

#[test]
fn each_sample_is_kept_once_in_any_order() {
    let folder = tempfile::tempdir().unwrap();
    let ingest = Ingest::new(folder.path().to_owned());
    assert_eq!(send(&ingest, &[1, 2]).through_seq, 2);
    let ack = send(&ingest, &[2, 4, 5, 4]);
    assert_eq!((ack.through_seq, ack.accepted.len(), ack.duplicates), (2, 2, 2));
    assert_eq!(send(&ingest, &[3]).through_seq, 5);
    assert_eq!(kept(&ingest), [1, 2, 3, 4, 5]);
    drop(ingest);
    let ingest = Ingest::new(folder.path().to_owned());
    assert_eq!(send(&ingest, &[5, 6]).through_seq, 6);
    assert_eq!(kept(&ingest), [1, 2, 3, 4, 5, 6]);
    let (tenant, vehicle, _) = ids();
    assert_eq!(ingest.latest(&tenant, vehicle).unwrap().unwrap().sample.seq, 6);
    assert!(ingest.latest(&"south-pit".parse().unwrap(), vehicle).unwrap().is_none());
}

#[test]
fn an_impossible_sample_is_refused_by_field_and_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let ingest = Ingest::new(folder.path().to_owned());
    let (tenant, vehicle, boot) = ids();
    let samples = [sample(1), RawSample { battery_pct: f64::NAN, ..sample(2) }, sample(3)];
    let batch = Batch { vehicle, boot, samples: &samples, kept_from_seq: 0 };
    let ack = ingest.ingest(&tenant, batch, Timestamp::from_ms(NOW)).unwrap();
    assert_eq!(ack.through_seq, 3);
    assert_eq!(
        ack.refused.iter().map(|(seq, error)| (*seq, error.field.as_str())).collect::<Vec<_>>(),
        [(2, "/battery_pct")]
    );
    assert_eq!(kept(&ingest), [1, 3]);
}

#[test]
fn a_file_cut_anywhere_keeps_every_whole_record() {
    let folder = tempfile::tempdir().unwrap();
    let ingest = Ingest::new(folder.path().to_owned());
    send(&ingest, &[1]);
    let file = folder.path().join("north-pit").join("0000000001.log");
    let first = fs::metadata(&file).unwrap().len();
    send(&ingest, &[2]);
    drop(ingest);
    let whole = fs::read(&file).unwrap();
    for cut in 0..whole.len() {
        fs::write(&file, &whole[..cut]).unwrap();
        let ingest = Ingest::new(folder.path().to_owned());
        let expected: &[u64] = if (cut as u64) < first { &[] } else { &[1] };
        assert_eq!(kept(&ingest), expected, "cut at byte {cut}");
        assert_eq!(send(&ingest, &[1, 2]).through_seq, 2);
        assert_eq!(kept(&ingest), [1, 2], "cut at byte {cut}, then sent again");
    }
}

#[test]
fn checks_do_not_move_the_watermark() {
    let folder = tempfile::tempdir().unwrap();
    let ingest = Ingest::new(folder.path().to_owned());
    let (tenant, vehicle, boot) = ids();
    send(&ingest, &[1]);
    let before = ingest.seal(&tenant, vehicle, boot).unwrap().unwrap();
    let check = Check {
        trip: kernel::TripId::from_u128(9),
        at: Timestamp::from_ms(NOW),
        seq: 7,
        verdict: "compliant".into(),
        rules: Vec::new(),
        policy_bundle: "b".into(),
    };
    ingest.record_checks(&tenant, vehicle, boot, vec![check]).unwrap();
    assert_eq!(ingest.through(&tenant, vehicle, boot).unwrap(), 1);
    let after = ingest.seal(&tenant, vehicle, boot).unwrap().unwrap();
    assert_ne!(after.root, before.root, "the digest covers checks too");
    assert_eq!(kept(&ingest), [1]);
}
