//! The rules of a blast: which step follows which, and by whom. A step that was taken is taken by whoever repeats it.

use kernel::id::RestrictionId;
use kernel::{Code, Decided, Reject, Timestamp};
use policy::PolicyAnswer;

use super::events::{
    BlastCalledOff, BlastClearing, BlastEvent, BlastExaminationDue, BlastExamined, BlastFired, BlastGuarded,
    BlastMisfired, BlastOverdue, BlastPlanned, BlastReleased,
};
use super::{Blast, MISFIRE_WAIT_MS, OVERDUE_AFTER_MS, Phase};
use crate::{Word, outline};

type Answer = Decided<BlastEvent, ()>;

/// The most posts of a blast.
pub const POSTS_MAX: usize = 50;

fn known(state: Option<&Blast>) -> Result<&Blast, Reject> {
    state.ok_or_else(|| Reject::new(Code::NotFound, "there is no such blast"))
}

fn illegal(blast: &Blast, step: &str) -> Reject {
    let text = format!("a blast that is {} has no step {step}", blast.phase.as_str());
    Reject::new(Code::IllegalTransition, text)
}

/// Whether a step leads on from here; none where it was taken already.
fn goes_on<'a>(state: Option<&'a Blast>, step: &str, from: &[Phase], to: Phase) -> Result<Option<&'a Blast>, Reject> {
    let blast = known(state)?;
    match blast.phase {
        phase if phase == to => Ok(None),
        phase if from.contains(&phase) => Ok(Some(blast)),
        _ => Err(illegal(blast, step)),
    }
}

fn decided(found: Result<Option<BlastEvent>, Reject>) -> Answer {
    match found {
        Ok(Some(event)) => Decided::accept([event], ()),
        Ok(None) => Decided::unchanged(()),
        Err(reject) => Decided::reject(reject),
    }
}

fn allowed(answer: &PolicyAnswer) -> Result<(), Reject> {
    answer.refusal.clone().map_or(Ok(()), Err)
}

/// Announces a blast.
pub fn plan(state: Option<&Blast>, planned: &BlastPlanned) -> Answer {
    decided(match state {
        Some(_) => Ok(None),
        None => outline::check(&planned.area).map(|()| Some(planned.clone().into())),
    })
}

/// Closes the area. Only takes away, so nobody is asked (SAFE-1).
pub fn clear(state: Option<&Blast>, restriction: RestrictionId, word: Word<'_>) -> Answer {
    let step = || BlastClearing { restriction, by: word.by.into(), reason: word.reason.into() }.into();
    decided(goes_on(state, "clear", &[Phase::Planned], Phase::Clearing).map(|blast| blast.map(|_| step())))
}

/// Everybody is out, and every way in is guarded.
pub fn guard(state: Option<&Blast>, posts: &[String], word: Word<'_>, answer: &PolicyAnswer) -> Answer {
    let found = goes_on(state, "guard", &[Phase::Clearing], Phase::Guarded).and_then(|blast| {
        let Some(_) = blast else { return Ok(None) };
        if posts.len() > POSTS_MAX {
            return Err(Reject::invalid_field("/posts", "must be at most 50"));
        }
        allowed(answer)?;
        let (posts, by, reason) = (posts.to_vec(), word.by.into(), word.reason.into());
        Ok(Some(BlastGuarded { posts, by, reason }.into()))
    });
    decided(found)
}

/// Fires, as another than who guarded.
pub fn fire(state: Option<&Blast>, word: Word<'_>, answer: &PolicyAnswer) -> Answer {
    let found = goes_on(state, "fire", &[Phase::Guarded], Phase::Fired).and_then(|blast| {
        let Some(blast) = blast else { return Ok(None) };
        allowed(answer)?;
        if blast.guarded_by.as_deref() == Some(word.by) {
            return Err(Reject::new(Code::Forbidden, "two people are needed: who guarded the area does not fire"));
        }
        Ok(Some(BlastFired { by: word.by.into(), reason: word.reason.into() }.into()))
    });
    decided(found)
}

/// Looks, as another than who fired; not before the wait after a misfire is over.
pub fn examine(state: Option<&Blast>, is_safe: bool, word: Word<'_>, now: Timestamp, answer: &PolicyAnswer) -> Answer {
    let found = goes_on(state, "examine", &[Phase::Fired, Phase::Misfire], Phase::Examined).and_then(|blast| {
        let Some(blast) = blast else { return Ok(None) };
        allowed(answer)?;
        if blast.fired_by.as_deref() == Some(word.by) {
            return Err(Reject::new(Code::Forbidden, "two people are needed: who fired does not examine"));
        }
        if let Some(from) = blast.examine_from.filter(|from| now < *from) {
            // The same finding again.
            if !is_safe {
                return Ok(None);
            }
            let text = format!("after a misfire nobody goes near before {from}");
            return Err(Reject::new(Code::IllegalTransition, text));
        }
        let (by, reason) = (word.by.to_owned(), word.reason.to_owned());
        Ok(Some(match is_safe {
            true => BlastExamined { by, reason }.into(),
            false => BlastMisfired { again_from: now.plus_ms(MISFIRE_WAIT_MS), by, reason }.into(),
        }))
    });
    decided(found)
}

/// The area is open again.
pub fn release(state: Option<&Blast>, word: Word<'_>, answer: &PolicyAnswer) -> Answer {
    let found = goes_on(state, "release", &[Phase::Examined], Phase::Released).and_then(|blast| {
        let Some(_) = blast else { return Ok(None) };
        allowed(answer)?;
        Ok(Some(BlastReleased { by: word.by.into(), reason: word.reason.into() }.into()))
    });
    decided(found)
}

/// It is not fired.
pub fn call_off(state: Option<&Blast>, word: Word<'_>, answer: &PolicyAnswer) -> Answer {
    let from = [Phase::Planned, Phase::Clearing, Phase::Guarded];
    let found = goes_on(state, "call-off", &from, Phase::CalledOff).and_then(|blast| {
        let Some(_) = blast else { return Ok(None) };
        allowed(answer)?;
        Ok(Some(BlastCalledOff { by: word.by.into(), reason: word.reason.into() }.into()))
    });
    decided(found)
}

/// Its time has passed, or the wait after a misfire. The area stays closed whatever the time (SAFE-13).
pub fn due(state: Option<&Blast>, now: Timestamp) -> Answer {
    let Some(blast) = state else { return Decided::unchanged(()) };
    decided(Ok(match blast.phase {
        Phase::Guarded if !blast.overdue && now >= blast.fire_at.plus_ms(OVERDUE_AFTER_MS) => {
            Some(BlastOverdue {}.into())
        }
        Phase::Misfire if blast.examine_from.is_some_and(|from| now >= from) => Some(BlastExaminationDue {}.into()),
        _ => None,
    }))
}
