//! What stands in an archive, as texts and names: pure.

use bundles::Verdict;
use bundles::compliance::ClauseResult;
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
