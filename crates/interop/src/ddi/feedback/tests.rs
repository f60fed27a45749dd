//! Feedback as real clients send it, and as nobody should.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::ddi::BODY_LIMIT;

/// What the research quotes of hawkBit, and what the clients send, with what it means.
const GOLDEN: [(&[u8], Meaning); 8] = [
    (
        br#"{"id":"8","timestamp":1627997501890,"status":{"execution":"closed","result":{"finished":"success",
            "progress":{"cnt":2,"of":5}},"code":200,"details":["text"]}}"#,
        Meaning::Claimed,
    ),
    // SWUpdate: an id that is a number, a time of its own, and its log with what is in it.
    (
        b"{\"id\":11,\"time\":\"20261123T072244\",\"status\":{\"result\":{\"finished\":\"none\"},\
          \"execution\":\"proceeding\",\"details\":[\"[network]: one\ntwo \x1b[31mred\"]}}",
        Meaning::Installing,
    ),
    (
        br#"{"id":11,"time":"20261123T072244","status":{"result":{"finished":"success"},"execution":"closed",
            "details":["Skipped Update."]}}"#,
        Meaning::Claimed,
    ),
    // rauc-hawkbit: its own progress.
    (
        br#"{"time":"20261123T072244","id":"8","status":{"result":{"finished":"none","progress":{"percentage":10}},
            "execution":"download","details":["Downloading"]}}"#,
        Meaning::Downloading,
    ),
    // hawkbit-rs 0.7.2, as received: no time, any progress or none.
    (
        br#"{"id":"8","status":{"execution":"proceeding","result":{"finished":"none","progress":{"x":1}},
            "details":["Downloading"]}}"#,
        Meaning::Installing,
    ),
    (
        br#"{"id":"8","status":{"execution":"downloaded","result":{"finished":"none","progress":null},"details":[]}}"#,
        Meaning::Downloaded,
    ),
    // Zephyr: next to nothing, and the closing NUL of C.
    (b"{\"id\":\"\",\"status\":{\"result\":{\"finished\":\"failure\"},\"execution\":\"closed\"}}\0", Meaning::Failed),
    (br#"{"status":{"execution":"closed"}}"#, Meaning::Claimed),
];

fn said(execution: &str, finished: &str) -> Feedback {
    let body = json!({"id": "8", "status": {"execution": execution, "result": {"finished": finished}}});
    Feedback::read(body.to_string().as_bytes()).unwrap()
}

#[test]
fn what_clients_send_is_understood() {
    for (body, meaning) in GOLDEN {
        let feedback = Feedback::read(body).unwrap();
        assert_eq!((feedback.means(), feedback.dropped, feedback.cut), (meaning, 0, 0));
    }
    let hawkbit = Feedback::read(GOLDEN[0].0).unwrap();
    let details = vec!["text".to_string()];
    let (execution, finished, code) = (Execution::Closed, Finished::Success, Some(200));
    assert_eq!(hawkbit, Feedback { execution, finished, code, details, dropped: 0, cut: 0 });
    let log = Feedback::read(GOLDEN[1].0).unwrap();
    assert_eq!(log.details, ["[network]: one\ntwo \u{fffd}[31mred"]);
}

#[test]
fn every_pair_of_words_means_what_the_research_says() {
    use Meaning::{Canceled, Claimed, Downloaded, Downloading, Failed, Installing, Rejected};
    let table = [
        ("closed", [Claimed, Failed, Claimed]),
        ("proceeding", [Installing; 3]),
        ("canceled", [Canceled; 3]),
        ("scheduled", [Installing; 3]),
        ("rejected", [Rejected; 3]),
        ("resumed", [Installing; 3]),
        ("downloaded", [Downloaded; 3]),
        ("download", [Downloading; 3]),
    ];
    for (execution, meanings) in table {
        let found = ["success", "failure", "none"].map(|finished| said(execution, finished).means());
        assert_eq!(found, meanings, "{execution}");
        assert_eq!(said(&execution.to_uppercase(), "SUCCESS").means(), meanings[0]);
    }
}

#[test]
fn a_cancellation_is_answered() {
    let answers = [
        ("closed", "success", CancelMeaning::Canceled),
        ("closed", "none", CancelMeaning::Canceled),
        ("closed", "failure", CancelMeaning::Failed),
        ("rejected", "none", CancelMeaning::Rejected),
        ("canceled", "success", CancelMeaning::Open),
        ("proceeding", "none", CancelMeaning::Open),
    ];
    for (execution, finished, meaning) in answers {
        assert_eq!(said(execution, finished).answers_cancel(), meaning, "{execution} {finished}");
    }
}

#[test]
fn form_is_forgiven() {
    let status = |more: &str| {
        let body = format!("{{\"id\":[1],\"x\":1e999,\"status\":{{\"execution\":\"proceeding\",\"y\":{{}}{more}}}}}");
        Feedback::read(body.as_bytes()).unwrap()
    };
    assert_eq!(status("").details, Vec::<String>::new());
    assert_eq!(status(",\"details\":\"one\",\"code\":\" 7 \",\"result\":null").details, ["one"]);
    assert_eq!(status(",\"details\":[1,null,{\"a\":[]},true]").details, ["1", "", "{\"a\":[]}", "true"]);
    for (code, expected) in [("7", Some(7)), ("\"7\"", Some(7)), ("7.5", None), ("{}", None), ("null", None)] {
        assert_eq!(status(&format!(",\"code\":{code}")).code, expected, "{code}");
    }
    assert_eq!(status(",\"result\":{\"progress\":[1e999],\"finished\":null}").finished, Finished::None);
}

#[test]
fn meaning_is_not_guessed() {
    let words = [("execution", "exploded", "none"), ("finished", "closed", "maybe")];
    for (field, execution, finished) in words {
        let body = json!({"status": {"execution": execution, "result": {"finished": finished}}}).to_string();
        let word = if field == "execution" { execution } else { finished }.to_string();
        assert_eq!(Feedback::read(body.as_bytes()), Err(BodyError::Word { field, word }));
    }
    // A word said twice: nobody knows which one is meant.
    let twice = br#"{"status":{"execution":"closed","execution":"rejected"}}"#;
    for bad in [&b""[..], b"null", b"{}", br#"{"status":{}}"#, br#"{"status":{"execution":1}}"#, &twice[..]] {
        assert!(matches!(Feedback::read(bad), Err(BodyError::Form(_))));
    }
}

#[test]
fn a_long_log_is_cut_and_counted() {
    let mut messages: Vec<String> = (0..MESSAGES + 70).map(|n| format!("line {n}")).collect();
    messages.push("ä".repeat(MESSAGE_CHARACTERS + 1));
    messages.push("b".repeat(MESSAGE_CHARACTERS));
    let body = json!({"status": {"execution": "closed", "result": {"finished": "failure"}, "details": messages}});
    let feedback = Feedback::read(body.to_string().as_bytes()).unwrap();
    assert_eq!((feedback.details.len(), feedback.dropped, feedback.cut), (MESSAGES, 72, 1));
    assert_eq!(feedback.details.first().map(String::as_str), Some("line 72"));
    assert_eq!(feedback.details[MESSAGES - 2], "ä".repeat(MESSAGE_CHARACTERS));
    assert_eq!(feedback.means(), Meaning::Failed);
    let length = BODY_LIMIT + 1;
    assert_eq!(Feedback::read(&vec![b' '; length]), Err(BodyError::TooLarge(length)));
}

fn holds(body: &[u8]) {
    let Ok(feedback) = Feedback::read(body) else { return };
    let _ = (feedback.means(), feedback.answers_cancel());
    assert!(feedback.details.len() <= MESSAGES && feedback.cut <= feedback.details.len());
    assert!(feedback.details.iter().all(|message| message.chars().count() <= MESSAGE_CHARACTERS));
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
        holds(&body);
    }

    #[test]
    fn no_change_of_a_good_body_makes_it_panic(
        which in 0..GOLDEN.len(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 0..8),
    ) {
        let mut body = GOLDEN[which].0.to_vec();
        for (at, byte, change) in changes {
            let at = at.index(body.len().max(1)).min(body.len().saturating_sub(1));
            match change {
                0 if !body.is_empty() => body[at] = byte,
                1 if !body.is_empty() => drop(body.remove(at)),
                _ => body.insert(at, byte),
            }
        }
        holds(&body);
    }

    #[test]
    fn any_log_arrives(log in "[^\"\\\\]{0,400}", raw in any::<bool>()) {
        let text = if raw { format!("\"{log}\"") } else { json!(log).to_string() };
        let body = format!("{{\"id\":11,\"status\":{{\"execution\":\"closed\",\"details\":[{text}]}}}}");
        let feedback = Feedback::read(body.as_bytes()).unwrap();
        prop_assert_eq!(feedback.details[0].chars().count(), log.chars().count());
    }
}
