//! What stands in an archive, as texts and names: pure.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use bundles::Verdict;
use bundles::compliance::ClauseResult;
use journal::tile::{HEIGHT, WIDTH};
use serde_json::{Value, json};

use crate::bundle::Verdicts;

/// The name of a verdict.
pub(crate) fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Satisfied => "satisfied",
        Verdict::NotSatisfied => "not_satisfied",
        Verdict::NotEvaluable => "not_evaluable",
    }
}

/// How many clauses have which verdict.
pub(crate) fn verdicts(results: &[ClauseResult]) -> Verdicts {
    let count = |verdict: Verdict| {
        let count = results.iter().filter(|result| result.verdict == verdict).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    };
    Verdicts {
        satisfied: count(Verdict::Satisfied),
        not_satisfied: count(Verdict::NotSatisfied),
        not_evaluable: count(Verdict::NotEvaluable),
    }
}

/// Hashes of a tile: the level of the tree and the positions on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub level: u32,
    pub positions: Range<u64>,
}

/// The tiles that prove entries under a head of `size` entries, by their names in the archive (C2SP tlog-tiles): those that
/// the entries stand in, those above them, and the right edge.
pub(crate) fn tiles(entries: &[u64], size: u64) -> BTreeMap<String, Part> {
    let mut found = BTreeMap::new();
    let mut wanted: BTreeSet<u64> = entries.iter().map(|entry| entry >> HEIGHT).collect();
    let mut level = 0;
    while let Some(hashes) = size.checked_shr(HEIGHT * level).filter(|hashes| *hashes > 0) {
        if hashes % WIDTH > 0 {
            wanted.insert(hashes / WIDTH);
        }
        for tile in &wanted {
            let positions = tile * WIDTH..((tile + 1) * WIDTH).min(hashes);
            if positions.start < positions.end {
                found.insert(tile_name(level, *tile, positions.end - positions.start), Part { level, positions });
            }
        }
        wanted = wanted.iter().map(|tile| tile >> HEIGHT).collect();
        level += 1;
    }
    found
}

fn tile_name(level: u32, tile: u64, width: u64) -> String {
    let (mut name, mut rest) = (format!("{:03}", tile % 1_000), tile / 1_000);
    while rest > 0 {
        name = format!("x{:03}/{name}", rest % 1_000);
        rest /= 1_000;
    }
    if width < WIDTH { format!("tile/{level}/{name}.p/{width}") } else { format!("tile/{level}/{name}") }
}

/// A clause's result as it stands in the archive.
pub(crate) fn results_json(results: &[ClauseResult]) -> Value {
    let of = |result: &ClauseResult| {
        json!({
            "clause": result.clause.to_string(),
            "verdict": verdict_name(result.verdict),
            "reason": result.reason.to_string(),
            "freshness": result.freshness,
            "counts": result.counts,
            "evidence": result.evidence,
            "open": result.open,
            "mitigations": result.mitigations,
            "unreadable": result.unreadable,
        })
    };
    json!({ "clauses": results.iter().map(of).collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(entries: &[u64], size: u64) -> Vec<String> {
        tiles(entries, size).into_keys().collect()
    }

    #[test]
    fn tiles_are_those_of_the_entries_and_of_the_right_edge() {
        assert_eq!(names(&[0], 1), ["tile/0/000.p/1"]);
        assert_eq!(names(&[3], 256), ["tile/0/000", "tile/1/000.p/1"]);
        assert_eq!(names(&[3], 257), ["tile/0/000", "tile/0/001.p/1", "tile/1/000.p/1"]);
        assert_eq!(names(&[], 300), ["tile/0/001.p/44", "tile/1/000.p/1"]);
        let of_million = names(&[999_999], 1_000_000);
        assert_eq!(of_million, ["tile/0/x003/906.p/64", "tile/1/015.p/66", "tile/2/000.p/15"]);
        let far = names(&[0], 1_000_000);
        let expected = ["tile/0/000", "tile/0/x003/906.p/64", "tile/1/000", "tile/1/015.p/66", "tile/2/000.p/15"];
        assert_eq!(far, expected);
    }
}
