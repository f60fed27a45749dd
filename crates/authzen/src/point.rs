//! Who decides, and the protocol over it.

use crate::EVALUATIONS_MAX;
use crate::answer::{Answer, Decided, Found, Hit, PageFound};
use crate::question::{Evaluation, Evaluations};
use crate::search::{Search, Wanted};

/// What a search looks at: the names of candidates in a fixed order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Candidates {
    /// Ids of subjects or resources, or names of actions; each once, none empty.
    pub names: Vec<String>,
    /// Whether there are more behind the last.
    pub more: bool,
}

/// Decides. What it must know of the world it knows before, so that the same question has the same answer within a request.
pub trait DecisionPoint {
    /// May it be done? A denial is an answer too: nothing that was read correctly fails.
    fn evaluate(&self, evaluation: &Evaluation) -> Answer;

    /// What may be among the results of a search, behind [`Search::after`], at most so many. An unknown type has none.
    fn candidates(&self, search: &Search, limit: usize) -> Candidates;
}

/// Answers one evaluation.
pub fn decide(point: &impl DecisionPoint, evaluation: &Evaluation) -> Answer {
    point.evaluate(evaluation)
}

/// Answers a batch, or the one evaluation that it is.
pub fn decide_all(point: &impl DecisionPoint, evaluations: &Evaluations) -> Decided {
    let (items, semantic) = match evaluations {
        Evaluations::One(evaluation) => return Decided::One(point.evaluate(evaluation)),
        Evaluations::Many(items, semantic) => (items, semantic),
    };
    let mut answers = Vec::with_capacity(items.len());
    for item in items {
        let answer = match item {
            Ok(evaluation) => point.evaluate(evaluation),
            Err(refusal) => Answer::of_refusal(refusal),
        };
        let is_last = semantic.ends_with(answer.decision);
        answers.push(answer);
        if is_last {
            break;
        }
    }
    Decided::Many { evaluations: answers }
}

/// Answers a search: every result is a candidate that an evaluation permits. It ends at the limit of the page or of the
/// evaluations, whichever comes first, so that a page may have fewer results than were asked for and still not be the last.
pub fn find(point: &impl DecisionPoint, search: &Search) -> Found {
    let limit = search.page.clone().unwrap_or_default().limit();
    let Candidates { names, more } = point.candidates(search, EVALUATIONS_MAX);
    let looked_at = names.len().min(EVALUATIONS_MAX);
    let mut results = Vec::new();
    let mut last = None;
    for name in &names[..looked_at] {
        if results.len() == limit {
            break;
        }
        last = Some(name);
        if point.evaluate(&search.evaluation(name)).decision {
            results.push(hit(search, name));
        }
    }
    let is_whole = !more && last == names.last();
    let next_token = last.filter(|_| !is_whole).cloned().unwrap_or_default();
    let page = PageFound { next_token, count: results.len() };
    let page = (search.page.is_some() || !page.next_token.is_empty()).then_some(page);
    Found { results, page }
}

fn hit(search: &Search, name: &str) -> Hit {
    match &search.wanted {
        Wanted::Subjects { like, .. } | Wanted::Resources { like, .. } => {
            Hit::Entity { kind: like.kind.clone(), id: name.into() }
        }
        Wanted::Actions { .. } => Hit::Action { name: name.into() },
    }
}
