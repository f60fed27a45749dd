//! What a witness signs and refuses, and what a reader believes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use journal::checkpoint::sign_checkpoint;
use journal::{Hash, NoteVerifier, proof};
use keys::{Audit, Key, KeyPair, Signer, Witness};
use witness::{
    AddCheckpoint, Policy, Refusal, SeenHead, WitnessError, WitnessVerifier, cosign, decide, monitoring_path,
    with_cosignatures,
};

const ORIGIN: &str = "example.com/log/north-pit";

struct Log {
    key: Key<Audit>,
    leaves: Vec<Hash>,
}

impl Log {
    fn new(size: u64) -> Self {
        let leaves = (0..size).map(|n| Hash::of_leaf(&n.to_be_bytes())).collect();
        Self { key: Key::from_seed(&[1; 32]).unwrap(), leaves }
    }

    fn verifier(&self) -> NoteVerifier {
        NoteVerifier::named(ORIGIN, self.key.verifying_key()).unwrap()
    }

    fn head(&self, size: usize) -> SeenHead {
        SeenHead { size: size as u64, root: proof::root_of(&self.leaves[..size]) }
    }

    fn note(&self, size: usize) -> String {
        sign_checkpoint(&self.key, ORIGIN, size as u64, self.head(size).root).unwrap()
    }

    fn asks(&self, from: usize, to: usize) -> AddCheckpoint {
        let proof = proof::consistency(&self.leaves[..to], from).unwrap_or_default();
        AddCheckpoint::new(from as u64, proof, &self.note(to)).unwrap()
    }
}

fn key(seed: u8) -> Key<Witness> {
    Key::from_seed(&[seed; 32]).unwrap()
}

fn verifier(name: &str, seed: u8) -> WitnessVerifier {
    WitnessVerifier::new(name, key(seed).verifying_key()).unwrap()
}

#[test]
fn a_log_is_cosigned_from_its_first_head_on() {
    let log = Log::new(100);
    let trusted = [log.verifier()];
    let mut known = None;
    for (from, to) in [(0, 0), (0, 1), (1, 64), (64, 64), (64, 65), (65, 100)] {
        let asked = AddCheckpoint::parse(&log.asks(from, to).to_text()).unwrap();
        assert_eq!(asked, log.asks(from, to));
        known = Some(decide(known, &asked, &trusted).unwrap());
        assert_eq!(known, Some(log.head(to)));
    }
}

#[test]
fn every_refusal_has_its_status() {
    let log = Log::new(100);
    let trusted = [log.verifier()];
    let seen = Some(log.head(40));
    let status = |known, asked: &AddCheckpoint| decide(known, asked, &trusted).unwrap_err().status();
    assert_eq!(decide(seen, &log.asks(40, 100), &[]).unwrap_err(), Refusal::UnknownLog);
    assert_eq!(Refusal::UnknownLog.status(), 404);

    let stranger = Log { key: Key::from_seed(&[9; 32]).unwrap(), leaves: log.leaves.clone() };
    assert_eq!(status(seen, &stranger.asks(40, 100)), 403);
    let mut forged = log.asks(40, 100);
    forged.note = forged.note.replacen("100", "101", 1);
    assert_eq!(status(seen, &forged), 403);

    let mut back = log.asks(40, 100);
    back.old_size = 101;
    assert_eq!(status(seen, &back), 400);

    let conflict = decide(seen, &log.asks(30, 100), &trusted).unwrap_err();
    assert_eq!((conflict.status(), conflict.content_type()), (409, "text/x.tlog.size"));
    assert_eq!(conflict.body(), "40\n");
    assert_eq!(decide(None, &log.asks(30, 100), &trusted).unwrap_err().body(), "0\n");

    let mut unproven = log.asks(40, 100);
    unproven.proof[0] = Hash::ZERO;
    assert_eq!(status(seen, &unproven), 422);
    let mut needless = log.asks(0, 100);
    needless.proof = vec![Hash::ZERO];
    assert_eq!(status(None, &needless), 422);
    let empty = sign_checkpoint(&log.key, ORIGIN, 0, Hash::ZERO).unwrap();
    assert_eq!(status(None, &AddCheckpoint::new(0, Vec::new(), &empty).unwrap()), 422);
}

#[test]
fn a_fork_is_refused() {
    let (log, mut fork) = (Log::new(100), Log::new(100));
    fork.leaves[20] = Hash::of_leaf(b"another");
    let trusted = [log.verifier()];
    let same_size = decide(Some(log.head(40)), &fork.asks(40, 40), &trusted);
    assert_eq!(same_size.unwrap_err(), Refusal::Conflict { known: 40 });
    let longer = decide(Some(log.head(40)), &fork.asks(40, 100), &trusted);
    assert_eq!(longer.unwrap_err(), Refusal::Inconsistent);
}

#[test]
fn requests_of_another_form_are_refused() {
    let log = Log::new(100);
    let text = log.asks(40, 100).to_text();
    let line = text.lines().nth(1).unwrap();
    let many = format!("old 40\n{}", format!("{line}\n").repeat(64));
    let note = log.note(100);
    for bad in [
        String::new(),
        "old 40".into(),
        text.replacen("old 40", "old 040", 1),
        text.replacen("old 40", "old -1", 1),
        text.replacen("old 40", "new 40", 1),
        text.replacen("old 40", "old 18446744073709551616", 1),
        text.replacen(line, "AAAA", 1),
        text.replacen(line, "?", 1),
        text.trim_end().into(),
        format!("{many}\n{note}"),
        format!("old 40\n{note}"),
        "old 0\n\n".to_owned() + &"x".repeat(witness::REQUEST_BYTES_MAX),
    ] {
        assert!(AddCheckpoint::parse(&bad).is_err(), "{bad}");
    }
}

#[test]
fn a_cosignature_stands_over_one_note_one_time_and_one_key() {
    let note = Log::new(100).note(100);
    let line = cosign(&key(2), "witness.example/w1", &note, 1_679_315_147).unwrap();
    let cosigned = with_cosignatures(&note, [line.as_str()]);
    let witness = verifier("witness.example/w1", 2);
    assert_eq!(witness.check(&cosigned).unwrap().unwrap().at_s, 1_679_315_147);
    assert_eq!(witness.check(&note).unwrap(), None);
    assert_eq!(verifier("witness.example/w2", 2).check(&cosigned).unwrap(), None, "of another name");
    assert_eq!(verifier("witness.example/w1", 3).check(&cosigned).unwrap(), None, "of another key");
    assert_eq!(witness.vkey().parse::<WitnessVerifier>().unwrap(), witness);
    assert!(witness.vkey().parse::<NoteVerifier>().is_err(), "the key of a witness is not that of a log");

    let body = &note[..note.rfind("\n\n").unwrap() + 1];
    assert_eq!(witness.check_line(body, &line).unwrap(), Some(1_679_315_147));
    for at in 0..body.len() {
        let mut bytes = body.as_bytes().to_vec();
        bytes[at] ^= 1;
        let Ok(changed) = String::from_utf8(bytes) else { continue };
        assert!(witness.check_line(&changed, &line).is_err(), "byte {at} of the body");
    }
    assert!(cosign(&key(2), "a witness", &note, 1).is_err());
    assert!(cosign(&key(2), "witness", &note, u64::MAX).is_err());
    assert!(cosign(&key(2), "witness", "no note", 1).is_err());
}

#[test]
fn a_changed_byte_of_a_cosignature_is_found() {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let note = Log::new(100).note(100);
    let (name, witness) = ("witness.example/w1", verifier("witness.example/w1", 2));
    let line = cosign(&key(2), name, &note, 7).unwrap();
    let signed = STANDARD.decode(line.rsplit_once(' ').unwrap().1).unwrap();
    assert_eq!(signed.len(), 4 + 8 + 64);
    assert_eq!(signed[4..12], 7u64.to_be_bytes());
    for at in 0..signed.len() {
        let mut changed = signed.clone();
        changed[at] ^= 1;
        let line = format!("\u{2014} {name} {}", STANDARD.encode(changed));
        match witness.check(&with_cosignatures(&note, [line.as_str()])) {
            Ok(found) => assert!(at < 4 && found.is_none(), "byte {at}: another key's id is somebody else"),
            Err(error) => assert!(at >= 4 && matches!(error, WitnessError::Cosignature { .. }), "byte {at}"),
        }
    }
    let short = format!("\u{2014} {name} {}", STANDARD.encode(&signed[..70]));
    assert!(witness.check(&with_cosignatures(&note, [short.as_str()])).is_err());
}

/// `SHA-256(name ‖ 0A ‖ 04 ‖ key)`, of which the first four bytes count.
#[test]
fn the_key_id_is_that_of_the_specification() {
    let witness = verifier("witness.example/w1", 2);
    let vkey = witness.vkey();
    let mut parts = vkey.split('+');
    assert_eq!(parts.next(), Some("witness.example/w1"));
    let preimage = [b"witness.example/w1\n\x04", &witness.key().as_bytes()[..]].concat();
    assert_eq!(parts.next().unwrap(), &Hash::of_bytes(&preimage).to_string()[..8]);
    assert!(parts.next().unwrap().starts_with('B'), "base 64 of a type 04");
}

#[test]
fn a_policy_counts_each_witness_once() {
    let log = Log::new(100);
    let witnesses = || (1..=3u8).map(|seed| verifier(&format!("witness.example/w{seed}"), seed));
    let policy = Policy::of([log.verifier()], witnesses(), 2).unwrap();
    let note = log.note(100);
    let line = |seed: u8| cosign(&key(seed), &format!("witness.example/w{seed}"), &note, 5).unwrap();
    let (one, two) = (line(1), line(2));
    assert_eq!(policy.check(&note).unwrap(), None);
    assert_eq!(policy.check(&with_cosignatures(&note, [one.as_str(), one.as_str()])).unwrap(), None);
    let quorum = policy.check(&with_cosignatures(&note, [one.as_str(), two.as_str()])).unwrap().unwrap();
    assert_eq!((quorum.head.size, quorum.cosignatures.len()), (100, 2));

    let text = policy.to_string();
    let again: Policy = text.parse().unwrap();
    assert_eq!(again.to_string(), text);
    assert!(again.check(&with_cosignatures(&note, [one.as_str(), two.as_str()])).unwrap().is_some());
    let false_line = two.replace("/w2", "/w1");
    assert!(policy.check(&with_cosignatures(&note, [one.as_str(), false_line.as_str()])).unwrap().is_none());
    let stranger = Log { key: Key::from_seed(&[9; 32]).unwrap(), leaves: log.leaves.clone() };
    assert!(policy.check(&stranger.note(100)).is_err());

    assert!(Policy::of([log.verifier()], witnesses(), 4).is_err());
    assert!(Policy::of([log.verifier()], witnesses(), 0).is_err());
    assert!(Policy::of([log.verifier()], [verifier("a", 1), verifier("b", 1)], 1).is_err());
}

#[test]
fn policies_with_groups_are_read_and_wrong_ones_refused() {
    let log = Log::new(10);
    let vkey = |seed| verifier(&format!("w{seed}"), seed).vkey();
    let (a, b, c) = (vkey(1), vkey(2), vkey(3));
    let head = format!(
        "# a policy\n\nlog {}\nwitness A {a}\n\twitness B  {b} https://b.example\nwitness C {c}\n",
        log.verifier().vkey()
    );
    let policy: Policy = format!("{head}group X any A B\ngroup Y all X C\nquorum Y\n").parse().unwrap();
    let note = log.note(10);
    let line = |seed: u8| cosign(&key(seed), &format!("w{seed}"), &note, 5).unwrap();
    let holds = |seeds: &[u8]| {
        let lines: Vec<String> = seeds.iter().map(|seed| line(*seed)).collect();
        policy.check(&with_cosignatures(&note, lines.iter().map(String::as_str))).unwrap().is_some()
    };
    assert!(holds(&[1, 3]) && holds(&[2, 3]) && !holds(&[1, 2]) && !holds(&[3]));
    let alone: Policy = format!("{head}quorum none\n").parse().unwrap();
    assert!(alone.check(&note).unwrap().is_some());
    for bad in [
        "",
        "quorum A\n",
        "group X 3 A B\nquorum X\n",
        "group X 0 A B\nquorum X\n",
        "group X any\nquorum X\n",
        "group X any D\nquorum X\n",
        "group none any A\nquorum none\n",
        "group A any B\nquorum A\n",
        "group X any A\ngroup Y any A\nquorum X\n",
        "group X any A A\nquorum X\n",
        "quorum A\nquorum B\n",
        "witnesses A\nquorum none\n",
        "quorum \u{7}\n",
    ] {
        let text = if bad == "quorum A\n" { bad.to_owned() } else { format!("{head}{bad}") };
        assert!(text.parse::<Policy>().is_err(), "{bad}");
    }
    assert!(format!("{head}witness D {a}\nquorum D\n").parse::<Policy>().is_err(), "the same key twice");
}

#[test]
fn a_witness_shows_a_log_under_the_digest_of_its_name() {
    let path = monitoring_path(ORIGIN);
    assert_eq!(path.len(), 64 + "/checkpoint".len());
    assert!(path.ends_with("/checkpoint"));
}

/// The request in the specification of tlog-witness.
#[test]
fn the_example_of_the_specification_is_read() {
    let text = "old 20852014\nPlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\njrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=\n5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=\n/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=\n\nexample.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\u{2014} example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=\n";
    let asked = AddCheckpoint::parse(text).unwrap();
    assert_eq!((asked.old_size, asked.proof.len(), asked.head.size), (20_852_014, 4, 20_852_163));
    assert_eq!(asked.to_text(), text);
    assert_eq!(decide(None, &asked, &[Log::new(1).verifier()]), Err(Refusal::UnknownLog));
}
