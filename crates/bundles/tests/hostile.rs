//! Archives that a stranger made to hurt whoever reads them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use bundles::archive::{Limits, Problem, Writer, read};
use common::{Key, files_of, journal, repacked, unpacked};

fn small() -> Vec<u8> {
    let mut writer = Writer::new(Vec::new()).unwrap();
    writer.add_bytes("a.txt", b"first").unwrap();
    writer.add_bytes("b.txt", b"second").unwrap();
    writer.seal().unwrap().finish(None).unwrap()
}

fn refused(archive: &[u8]) -> Problem {
    read(archive, &Limits::default(), |_, _, _| Ok(())).unwrap_err()
}

/// The header at a place with a change, and a checksum that fits.
fn with_header(tar: &[u8], at: usize, change: impl Fn(&mut [u8])) -> Vec<u8> {
    let mut tar = tar.to_vec();
    let header = &mut tar[at..at + 512];
    change(header);
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    repacked(&tar)
}

#[test]
fn links_devices_and_extensions_are_refused() {
    let tar = unpacked(&small());
    for kind in *b"1234567xgLKS\0" {
        assert!(
            matches!(refused(&with_header(&tar, 0, |header| header[156] = kind)), Problem::Header { .. }),
            "{kind}"
        );
    }
}

#[test]
fn names_that_climb_are_refused() {
    let tar = unpacked(&small());
    for name in [b"../ab".as_slice(), b"/etc/", b"a/../", b"a//b.", b".bash", b"-rf.x", b"a\\b.c", b"\xff.txt"] {
        let archive = with_header(&tar, 0, |header| header[..name.len()].copy_from_slice(name));
        assert!(matches!(refused(&archive), Problem::Header { .. }), "{name:?}");
    }
    // A name in the place of the manifest, of another file, and behind the manifest.
    let archive = with_header(&tar, 0, |header| header[..5].copy_from_slice(b"c.txt"));
    assert!(matches!(refused(&archive), Problem::Order { .. }));
    let archive = with_header(&tar, 1_024, |header| header[..5].copy_from_slice(b"a.txt"));
    assert!(matches!(refused(&archive), Problem::Order { .. }));
}

#[test]
fn owners_times_modes_and_second_spellings_are_refused() {
    let tar = unpacked(&small());
    for at in [100, 108, 116, 136, 257, 265, 297, 329, 345, 500, 511] {
        let archive = with_header(&tar, 0, |header| header[at] = if header[at] == b'7' { b'0' } else { b'7' });
        assert!(matches!(refused(&archive), Problem::Header { .. }), "{at}");
    }
    let archive = with_header(&tar, 0, |header| header[124..136].copy_from_slice(b"          5\0"));
    assert!(matches!(refused(&archive), Problem::Header { .. }));
    let archive = with_header(&tar, 0, |header| header[124] = 0x80);
    assert!(matches!(refused(&archive), Problem::Header { .. }));
}

#[test]
fn sizes_that_lie_are_refused() {
    let tar = unpacked(&small());
    let archive = with_header(&tar, 0, |header| header[124..136].copy_from_slice(b"77777777777\0"));
    assert!(matches!(refused(&archive), Problem::Damaged { .. } | Problem::TooMuch { .. }));
    let archive = with_header(&tar, 0, |header| header[124..136].copy_from_slice(b"00000000004\0"));
    assert!(matches!(refused(&archive), Problem::Padding { .. }));
}

#[test]
fn bombs_stop_at_the_limit() {
    let mut writer = Writer::new(Vec::new()).unwrap();
    writer.add("zeros", 256 << 20, &mut std::io::Read::take(std::io::repeat(0), 256 << 20)).unwrap();
    let bomb = writer.seal().unwrap().finish(None).unwrap();
    assert!(bomb.len() < 64 * 1_024, "{}", bomb.len());
    let limits = Limits { bytes: 1 << 20, ..Limits::default() };
    assert!(matches!(read(bomb.as_slice(), &limits, |_, _, _| Ok(())), Err(Problem::TooMuch { what: "bytes", .. })));
    let limits = Limits { files: 1, ..Limits::default() };
    assert!(matches!(read(small().as_slice(), &limits, |_, _, _| Ok(())), Err(Problem::TooMuch { what: "files", .. })));
    let limits = Limits { document_bytes: 10, ..Limits::default() };
    assert!(matches!(read(small().as_slice(), &limits, |_, _, _| Ok(())), Err(Problem::TooMuch { .. })));
}

#[test]
fn what_lies_before_or_behind_is_refused() {
    let archive = small();
    let skippable = [0x50, 0x2a, 0x4d, 0x18, 4, 0, 0, 0, 1, 2, 3, 4];
    assert!(matches!(refused(&[skippable.as_slice(), &archive].concat()), Problem::NotZstd));
    assert!(matches!(refused(&[archive.as_slice(), &skippable].concat()), Problem::Trailing));
    let tar = unpacked(&archive);
    assert!(matches!(refused(&repacked(&[tar.as_slice(), &[0; 512]].concat())), Problem::Trailing));
    assert!(matches!(refused(&repacked(&tar[..tar.len() - 512])), Problem::Trailing));
    assert!(matches!(refused(&repacked(&tar[..tar.len() - 1_024])), Problem::Damaged { .. }));
    for none in [b"".as_slice(), b"PK\x03\x04", &tar] {
        assert!(matches!(refused(none), Problem::NotZstd));
    }
    // A window of 2 GiB in the head of the frame.
    let mut window = archive.clone();
    window[5] = 0xff;
    assert!(matches!(refused(&window), Problem::Damaged { .. }));
}

#[test]
fn a_manifest_that_says_other_things_is_refused_or_named() {
    let tar = unpacked(&small());
    let manifest = files_of(&tar).into_iter().find(|(name, ..)| name == "manifest.json").unwrap();
    let with = |from: &str, to: &str| {
        let text = String::from_utf8(tar[manifest.1..manifest.1 + manifest.2].to_vec()).unwrap();
        assert_eq!(from.len(), to.len());
        let mut tar = tar.clone();
        tar[manifest.1..manifest.1 + manifest.2].copy_from_slice(text.replacen(from, to, 1).as_bytes());
        repacked(&tar)
    };
    for (from, to) in
        [("\"version\":1", "\"version\":2"), ("a.txt", "c.txt"), ("a.txt", "b.txt"), ("bytes", "Bytes"), ("{", "[")]
    {
        assert!(matches!(refused(&with(from, to)), Problem::Manifest(_)), "{to}");
    }
    let contents = read(with("b.txt", "c.txt").as_slice(), &Limits::default(), |_, _, _| Ok(())).unwrap();
    let findings: Vec<String> = contents.findings.iter().map(ToString::to_string).collect();
    assert_eq!(findings, ["b.txt is not in the manifest", "c.txt is missing"]);
    let contents = read(with("\"bytes\":5", "\"bytes\":6").as_slice(), &Limits::default(), |_, _, _| Ok(())).unwrap();
    assert_eq!(contents.findings[0].to_string(), "a.txt has 5 bytes and not 6");
}

#[test]
fn a_visitor_that_fails_or_stops_early_changes_nothing_else() {
    let archive = common::bundle(&journal(20), &Key::new(1));
    let mut seen = Vec::new();
    let contents = read(archive.as_slice(), &Limits::default(), |path, bytes, content| {
        seen.push((path.to_owned(), bytes));
        content.read_exact(&mut [0; 1])
    });
    assert!(contents.unwrap().findings.is_empty());
    assert_eq!(seen.len(), 5);
    let failed = read(archive.as_slice(), &Limits::default(), |_, _, _| Err(std::io::Error::other("full")));
    assert_eq!(failed.unwrap_err().to_string(), "VERIFY.md: full");
}

#[test]
fn no_change_of_any_kind_goes_unseen_or_panics() {
    let key = Key::new(1);
    let tar = unpacked(&common::bundle(&journal(60), &key));
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    };
    for round in 0..600 {
        let mut changed = tar.clone();
        let (from, length) = (next(tar.len() - 600), 1 + next(600));
        match round % 4 {
            0 => drop(changed.drain(from..from + length)),
            1 => changed[from..from + length].fill(0),
            2 => changed.copy_within(from..from + length, next(tar.len() - 600)),
            _ => changed[from] = changed[from].wrapping_add(1),
        }
        if changed != tar {
            assert!(common::check(&repacked(&changed), &key).is_err(), "round {round} at {from}");
        }
    }
}
