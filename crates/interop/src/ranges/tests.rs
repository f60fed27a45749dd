//! The examples of RFC 9110 §14, and what must not happen.

use proptest::prelude::*;

use super::*;

const TAG: &str = "\"9f86d081\"";

fn range(first: u64, last: u64) -> ByteRange {
    ByteRange { first, last }
}

fn of(field: &str, length: u64) -> Served {
    serve(Some(field), None, TAG, length)
}

#[test]
fn the_examples_of_the_rfc() {
    // §14.1.2: a file of 10000 bytes.
    assert_eq!(of("bytes=0-499", 10_000), Served::Partial(range(0, 499)));
    assert_eq!(of("bytes=500-999", 10_000), Served::Partial(range(500, 999)));
    assert_eq!(of("bytes=-500", 10_000), Served::Partial(range(9_500, 9_999)));
    assert_eq!(of("bytes=9500-", 10_000), Served::Partial(range(9_500, 9_999)));
    assert_eq!(of("bytes=0-0,-1", 10_000), Served::Multiple(vec![range(0, 0), range(9_999, 9_999)]));
    let thirds = vec![range(0, 999), range(4_500, 5_499), range(9_000, 9_999)];
    assert_eq!(of("bytes= 0-999, 4500-5499, -1000", 10_000), Served::Multiple(thirds));
    let legal = vec![range(500, 600), range(601, 999)];
    assert_eq!(of("bytes=500-600,601-999", 10_000), Served::Multiple(legal));
    let overlapping = vec![range(500, 700), range(601, 999)];
    assert_eq!(of("bytes=500-700,601-999", 10_000), Served::Multiple(overlapping));
    // §14.4: a file of 1234 bytes.
    let written = [(0, 499), (500, 999), (500, 1_233), (734, 1_233), (42, 1_233)];
    let fields = written.map(|(first, last)| range(first, last).content_range(1_234));
    let golden =
        ["bytes 0-499/1234", "bytes 500-999/1234", "bytes 500-1233/1234", "bytes 734-1233/1234", "bytes 42-1233/1234"];
    assert_eq!(fields, golden);
    assert_eq!(unsatisfied(47_022), "bytes */47022");
}

#[test]
fn the_edges_of_a_file() {
    let whole = Served::Partial(range(0, 99));
    for field in
        ["bytes=0-", "bytes=0-99", "bytes=0-100", "bytes=-100", "bytes=-101", "BYTES=0-99999999999999999999999"]
    {
        assert_eq!(of(field, 100), whole, "{field}");
    }
    for field in ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=100-,200-", "bytes=99999999999999999999999-"] {
        assert_eq!(of(field, 100), Served::NotSatisfiable, "{field}");
    }
    // A part that does not exist is left out, and one that is left is no list.
    assert_eq!(of("bytes=200-300,99-", 100), Served::Partial(range(99, 99)));
    assert_eq!(of("bytes=,0-1,,\t2-3 ,", 100), Served::Multiple(vec![range(0, 1), range(2, 3)]));
    assert_eq!((of("bytes=0-", 0), of("bytes=-0", 0)), (Served::NotSatisfiable, Served::NotSatisfiable));
    assert_eq!(of("bytes=-5", 0), Served::Full);
    assert_eq!(of("bytes=0-", u64::MAX), Served::Partial(range(0, u64::MAX - 1)));
    assert_eq!(of("bytes=0-,0-", u64::MAX), Served::Full);
}

#[test]
fn what_is_no_range_is_ignored() {
    let bad = [
        "",
        "bytes",
        "bytes=",
        "bytes=,",
        "bytes=-",
        "bytes=1",
        "bytes=a-b",
        "bytes=5-4",
        "bytes=0-1,x",
        "bytes=+0-1",
        "bytes=0--1",
        "bytes=0 - 1",
        "bytes =0-1",
        "items=0-1",
        "bytes=0-1-2",
        "bytes=٠-١",
    ];
    for field in bad {
        assert_eq!(of(field, 100), Served::Full, "{field}");
    }
    assert_eq!(serve(None, None, TAG, 100), Served::Full);
    assert_eq!(of(&format!("bytes={}0-1", " ".repeat(FIELD_BYTES)), 100), Served::Full);
}

#[test]
fn many_ranges_are_not_served() {
    let list = |count: u64| (0..count).map(|at| format!("{at}-{at}")).collect::<Vec<_>>().join(",");
    assert!(matches!(of(&format!("bytes={}", list(16)), 100), Served::Multiple(ranges) if ranges.len() == RANGES));
    assert_eq!(of(&format!("bytes={}", list(17)), 100), Served::Full);
    // Overlap is allowed as long as no more is asked for than the file has.
    assert!(matches!(of("bytes=0-49,0-49", 100), Served::Multiple(_)));
    assert_eq!(of("bytes=0-49,0-50", 100), Served::Full);
    assert_eq!(of("bytes=0-,0-,0-", 100), Served::Full);
}

#[test]
fn if_range_wants_the_very_strong_tag() {
    let with = |if_range: &str, etag: &str| serve(Some("bytes=5-"), Some(if_range), etag, 100);
    assert_eq!(with(TAG, TAG), Served::Partial(range(5, 99)));
    assert_eq!(with(&format!(" {TAG}"), TAG), Served::Partial(range(5, 99)));
    for other in ["\"other\"", "9f86d081", "W/\"9f86d081\"", "Sat, 29 Oct 1994 19:43:31 GMT", ""] {
        assert_eq!(with(other, TAG), Served::Full, "{other}");
    }
    // A weak tag is not the same as itself (§8.8.3.2), and the lack of a tag proves nothing.
    assert_eq!((with("W/\"a\"", "W/\"a\""), with("", "")), (Served::Full, Served::Full));
    // The condition also stands before a refusal: the whole of the new file helps, 416 does not.
    assert_eq!(serve(Some("bytes=200-"), Some("\"other\""), TAG, 100), Served::Full);
}

fn holds(field: &str, length: u64) -> Result<(), TestCaseError> {
    let ranges = match of(field, length) {
        Served::Full | Served::NotSatisfiable => return Ok(()),
        Served::Partial(range) => vec![range],
        Served::Multiple(ranges) => {
            prop_assert!(ranges.len() >= 2);
            ranges
        }
    };
    let mut total = 0_u64;
    for range in &ranges {
        prop_assert!(range.first() <= range.last() && range.last() < length);
        total = total.checked_add(range.bytes()).unwrap();
    }
    prop_assert!(total <= length && ranges.len() <= RANGES);
    Ok(())
}

proptest! {
    #[test]
    fn nothing_leaves_the_file(
        field in any::<String>(), list in "bytes=([0-9]{0,21}-[0-9]{0,21},? ?){0,20}", length in any::<u64>(),
    ) {
        holds(&field, length)?;
        holds(&list, length)?;
    }

    #[test]
    fn small_files_too(list in "bytes=([0-9]{0,2}-[0-9]{0,2},){1,5}", length in 0..120_u64) {
        holds(&list, length)?;
    }
}
