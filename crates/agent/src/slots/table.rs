//! The table of recovery: what the journal's last word, the slot that booted and the slots' marks mean together. It is
//! total and has no default arm: whoever adds a phase has to say what it means in every place.

/// The journal's last word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tail {
    Idle,
    Downloading,
    Downloaded,
    Installing,
    Installed,
    Armed,
    Trial,
    FallingBack,
    Committed,
    FellBack,
    Failed,
}

/// Where the vehicle runs, seen from the slot that the update goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// In the other slot, which is the committed one.
    Old,
    /// In the update's slot, while the other is committed.
    Trial,
    /// In the update's slot, which a self-test committed.
    New,
    /// In the update's slot, which is committed because the other one no longer reads back.
    Rescued,
    /// In the other slot, though the update's is committed. No cut leads here.
    Astray,
}

/// The mark of the slot that the update goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mark {
    /// Good, with the update's image.
    Fits,
    /// Bad, empty, or another image.
    Unfit,
}

/// What recovery does. It looks again afterwards, until it is to keep what there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    Keep,
    /// Nothing may be armed here.
    Disarm,
    /// The journal is brought up to what has happened.
    Enter(Tail),
}

/// The table. `is_armed`: boots of the update's slot are left, or one is going on.
#[must_use]
pub fn verdict(tail: Tail, place: Place, mark: Mark, is_armed: bool) -> Verdict {
    use Mark::{Fits, Unfit};
    use Place::{Astray, New, Old, Rescued, Trial};
    use Verdict::{Disarm, Enter, Keep};

    match (tail, place, mark, is_armed) {
        // Nothing is installed yet, so nothing may be tried.
        (Tail::Idle | Tail::Downloading | Tail::Downloaded, Old | Trial | New | Rescued | Astray, _, true) => Disarm,
        (Tail::Idle | Tail::Downloading | Tail::Downloaded, Old | Trial | New | Rescued | Astray, _, false) => Keep,

        // A slot is marked good after it was read back: only the journal's word was cut off. Else install anew.
        (Tail::Installing, Old, Fits, _) => Enter(Tail::Installed),
        (Tail::Installing, Old, Unfit, _) => Enter(Tail::Downloaded),

        // What was armed without the journal's word is armed again by the caller, who looks at the road first.
        (Tail::Installed, Old, Fits, true) => Disarm,
        (Tail::Installed, Old, Fits, false) => Keep,
        (Tail::Installed, Old, Unfit, _) => Enter(Tail::Failed),
        (Tail::Armed, Old, Fits, true) => Keep,
        (Tail::Armed, Old, Fits, false) => Enter(Tail::Installed),

        // The trial booted, or could not be booted for now, or is over.
        (Tail::Installing | Tail::Installed | Tail::Armed, Trial, Fits, _) => Enter(Tail::Trial),
        (Tail::Installing | Tail::Installed | Tail::Armed | Tail::Trial, Trial, Unfit, _) => Enter(Tail::FallingBack),
        (Tail::Trial, Trial, Fits, _) => Keep,
        (Tail::Trial, Old, Fits, true) => Enter(Tail::Armed),
        (Tail::Trial, Old, Fits, false) => Enter(Tail::FellBack),
        (Tail::Armed | Tail::Trial, Old, Unfit, _) => Enter(Tail::FellBack),

        // Only a passed self-test leads to `New`, and only out of a trial.
        (Tail::Trial, New, _, true) => Disarm,
        (Tail::Trial, New, _, false) => Enter(Tail::Committed),
        (Tail::Installing | Tail::Installed | Tail::Armed, New | Rescued | Astray, _, _) => Enter(Tail::Failed),
        (Tail::Trial, Rescued | Astray, _, _) => Enter(Tail::Failed),

        // The self-test failed: the next boot takes the old slot.
        (Tail::FallingBack, Trial, _, true) => Disarm,
        (Tail::FallingBack, Trial, _, false) => Keep,
        (Tail::FallingBack, Old, _, true) => Disarm,
        (Tail::FallingBack, Old, _, false) => Enter(Tail::FellBack),
        (Tail::FallingBack, New | Rescued | Astray, _, _) => Enter(Tail::Failed),

        // Outcomes stay, except where what booted gives them the lie.
        (Tail::Committed, New | Rescued | Astray, _, true) => Disarm,
        (Tail::Committed, New | Rescued | Astray, _, false) => Keep,
        (Tail::Committed, Trial, _, _) => Enter(Tail::Trial),
        (Tail::Committed, Old, _, _) => Enter(Tail::FellBack),
        (Tail::FellBack, Old, _, true) => Disarm,
        (Tail::FellBack, Old, _, false) => Keep,
        (Tail::FellBack, Trial | New | Rescued | Astray, _, _) => Enter(Tail::Failed),
        (Tail::Failed, Old | Trial | New | Rescued | Astray, _, true) => Disarm,
        (Tail::Failed, Old | Trial | New | Rescued | Astray, _, false) => Keep,
    }
}
