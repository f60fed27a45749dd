//! The machine itself: what it knows, how it recovers, and the steps after the installation.

use super::disk::{self, Disk};
use super::error::{Check, SlotError};
use super::image::{Image, Slot, Update};
use super::journal::{Journal, Phase, Record, State};
use super::selection::{Armed, Selection, SlotMark, Why};
use super::table::{Mark, Place, Tail, Verdict, verdict};

/// The file that chunks are collected in.
pub(crate) const DOWNLOAD: &str = "download";
/// No way through the table is longer; the test of the table holds it to that.
const VERDICTS_MAX: usize = 6;

/// How far the update is, as the server wants to hear it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    Idle,
    /// So many bytes are safe on the disk.
    Downloading {
        received: u64,
    },
    Downloaded,
    /// Seen only from inside an installation: one that was cut is [`Stage::Downloaded`] again.
    Installing,
    Installed,
    Armed,
    /// The new image runs and waits for its self-test.
    Trial,
    /// The self-test failed and the next boot takes the old slot: boot as soon as the vehicle may.
    FallingBack {
        reason: String,
    },
    Committed {
        image: Image,
    },
    FellBack {
        reason: String,
    },
    Failed {
        reason: String,
    },
}

impl Stage {
    /// Whether this is an outcome, which stays until it is acknowledged.
    #[must_use]
    pub fn is_outcome(&self) -> bool {
        match self {
            Self::Committed { .. } | Self::FellBack { .. } | Self::Failed { .. } => true,
            Self::Idle
            | Self::Downloading { .. }
            | Self::Downloaded
            | Self::Installing
            | Self::Installed
            | Self::Armed
            | Self::Trial
            | Self::FallingBack { .. } => false,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Downloading { .. } => "downloading",
            Self::Downloaded => "downloaded",
            Self::Installing => "installing",
            Self::Installed => "installed",
            Self::Armed => "armed",
            Self::Trial => "trial",
            Self::FallingBack { .. } => "falling back",
            Self::Committed { .. } => "committed",
            Self::FellBack { .. } => "fell back",
            Self::Failed { .. } => "failed",
        }
    }
}

/// The update machine of one vehicle. One at a time may be open on a disk.
#[derive(Debug)]
pub struct Machine<D: Disk> {
    pub(crate) disk: D,
    pub(crate) journal: Journal,
    pub(crate) selection: Selection,
    /// The slot that this machine booted. The disk may not know of it, when it was full at the boot.
    pub(crate) booted: Option<Slot>,
    /// Something failed halfway: what the disk holds counts, not what is remembered here.
    pub(crate) is_stale: bool,
}

impl<D: Disk> Machine<D> {
    /// Opens the machine and brings it to where the last cut left it. The first time, slot A must hold the factory's
    /// image; later the argument is ignored. Call [`boot`](Self::boot) next if the vehicle has started, and not if only
    /// the agent has.
    ///
    /// # Errors
    /// The disk cannot be read, the boot selection is damaged, or slot A does not hold the factory's image. A disk that
    /// refuses to be written is an error at the first start only; later the vehicle boots without.
    pub fn open(disk: D, factory: Option<Image>) -> Result<Self, SlotError> {
        let selection = match (Selection::load(&disk)?, factory) {
            (Some(selection), _) => selection,
            (None, None) => return Err(Check::Selection.into()),
            (None, Some(image)) => {
                let file = Slot::A.file();
                if !disk::has_digest(&disk, file, image.length, &image.sha256).map_err(SlotError::on(file))? {
                    return Err(Check::SlotDigest { slot: Slot::A }.into());
                }
                let mut selection = Selection::factory(image);
                selection.store(&disk)?;
                selection
            }
        };
        let journal = Journal::load(&disk)?;
        let mut machine = Self { disk, journal, selection, booted: None, is_stale: false };
        machine.unless_refused(|machine| machine.recover(false))?;
        Ok(machine)
    }

    /// How far the update is.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match &self.journal.state.phase {
            Phase::Idle => Stage::Idle,
            Phase::Downloading => Stage::Downloading { received: self.download_offset() },
            Phase::Downloaded => Stage::Downloaded,
            Phase::Installing { .. } => Stage::Installing,
            Phase::Installed => Stage::Installed,
            Phase::Armed => Stage::Armed,
            Phase::Trial => Stage::Trial,
            Phase::FallingBack { reason } => Stage::FallingBack { reason: reason.clone() },
            Phase::Committed => match &self.journal.state.update {
                Some(update) => Stage::Committed { image: update.image.clone() },
                None => Stage::Idle,
            },
            Phase::FellBack { reason } => Stage::FellBack { reason: reason.clone() },
            Phase::Failed { reason } => Stage::Failed { reason: reason.clone() },
        }
    }

    /// The update that [`stage`](Self::stage) speaks of.
    #[must_use]
    pub fn update(&self) -> Option<&Update> {
        self.journal.state.update.as_ref()
    }

    /// The slot that runs.
    #[must_use]
    pub fn running(&self) -> Slot {
        self.selection.running
    }

    /// The anti-rollback counter: no image with a lower one is accepted.
    #[must_use]
    pub fn rollback_floor(&self) -> u64 {
        self.selection.floor
    }

    /// Writes down what a disk that refused has left unwritten, if there is anything. Cheap: call it before each step.
    ///
    /// # Errors
    /// The disk still refuses.
    pub fn refresh(&mut self) -> Result<(), SlotError> {
        self.run(|_| Ok(()))
    }

    /// Arms the installed slot: so many boots may try it, each at the latest ended by the vehicle's watchdog. From here
    /// on every boot takes it, so look at the preconditions once more before.
    ///
    /// # Errors
    /// The disk fails or is full, nothing is installed, there are no tries, or the counter is too low.
    pub fn arm(&mut self, tries: u8) -> Result<(), SlotError> {
        self.run(|machine| {
            if machine.tail() == Tail::Armed {
                return Ok(());
            }
            let slot = machine.target();
            if machine.tail() != Tail::Installed || tries == 0 || slot == machine.selection.running {
                return Err(machine.out_of_order("arm"));
            }
            machine.check_counter()?;
            machine.enter(Phase::Armed)?;
            machine.select(Selection { armed: Some(Armed { slot, tries_left: tries }), ..machine.selection.clone() })
        })
    }

    /// Takes the arming back, when the vehicle is needed before it could boot. The slot stays installed.
    ///
    /// # Errors
    /// The disk fails or is full, or nothing is armed.
    pub fn disarm(&mut self) -> Result<(), SlotError> {
        self.run(|machine| match machine.tail() {
            Tail::Installed => Ok(()),
            Tail::Armed => {
                machine.select(Selection { armed: None, ..machine.selection.clone() })?;
                machine.enter(Phase::Installed)
            }
            _ => Err(machine.out_of_order("disarm")),
        })
    }

    /// Commits the image on trial. The anti-rollback counter is raised after that, never before.
    ///
    /// # Errors
    /// The disk fails or is full, or no trial is going on.
    pub fn self_test_passed(&mut self) -> Result<(), SlotError> {
        self.run(|machine| {
            let slot = machine.target();
            match machine.tail() {
                Tail::Committed => return Ok(()),
                Tail::Trial if slot == machine.selection.running => {}
                _ => return Err(machine.out_of_order("commit")),
            }
            machine.check_counter()?;
            machine.select(Selection {
                committed: slot,
                armed: None,
                was_rescued: false,
                ..machine.selection.clone()
            })?;
            machine.reconcile()
        })
    }

    /// Gives the image on trial up: the next boot takes the old slot.
    ///
    /// # Errors
    /// The disk fails or is full, or no trial is going on.
    pub fn self_test_failed(&mut self, reason: &str) -> Result<(), SlotError> {
        self.run(|machine| match machine.tail() {
            Tail::FallingBack => Ok(()),
            Tail::Trial => {
                machine.enter(Phase::FallingBack { reason: reason.into() })?;
                machine.reconcile()
            }
            _ => Err(machine.out_of_order("give up")),
        })
    }

    /// Forgets an outcome of which the server has proof. An acknowledgement of another attempt, or a second one, changes
    /// nothing.
    ///
    /// # Errors
    /// The disk fails or is full, or this attempt has no outcome yet.
    pub fn acknowledge_outcome(&mut self, number: u64, attempt: u32) -> Result<(), SlotError> {
        self.run(|machine| {
            if !machine.update().is_some_and(|update| update.is(number, attempt)) {
                return Ok(());
            }
            if !machine.stage().is_outcome() {
                return Err(machine.out_of_order("acknowledge"));
            }
            machine.journal.replace(&machine.disk, State::default())
        })
    }

    /// Does one operation on what the disk holds, and remembers when it failed halfway.
    pub(crate) fn run<T>(&mut self, operation: impl FnOnce(&mut Self) -> Result<T, SlotError>) -> Result<T, SlotError> {
        if self.is_stale {
            self.reload()?;
        }
        let result = operation(self);
        if let Err(SlotError::Io { .. } | SlotError::Full { .. }) = result {
            self.is_stale = true;
            // So that the stage is true again; what cannot be written now is written at the next operation.
            let _later = self.reload();
        }
        result
    }

    /// Reads everything back from the disk after a failure.
    pub(crate) fn reload(&mut self) -> Result<(), SlotError> {
        self.journal = Journal::load(&self.disk)?;
        let selection = Selection::load(&self.disk)?.ok_or(Check::Selection)?;
        self.selection = Selection { running: self.booted.unwrap_or(selection.running), ..selection };
        self.recover(true)?;
        self.is_stale = false;
        Ok(())
    }

    fn recover(&mut self, is_doubtful: bool) -> Result<(), SlotError> {
        let settled = self.journal.settle(&self.disk, is_doubtful);
        self.reconcile_after(settled)
    }

    pub(crate) fn reconcile(&mut self) -> Result<(), SlotError> {
        self.reconcile_after(Ok(()))
    }

    /// Follows the table until nothing is left to do, and then raises the counter and clears the download away. Where the
    /// disk has refused, what the table says is only remembered: it says the same again when the disk is back.
    pub(crate) fn reconcile_after(&mut self, mut written: Result<(), SlotError>) -> Result<(), SlotError> {
        for _ in 0..VERDICTS_MAX {
            let is_armed = self.selection.armed.is_some_and(|armed| {
                armed.slot == self.target() && (armed.tries_left > 0 || armed.slot == self.selection.running)
            });
            match verdict(self.tail(), self.place(), self.mark(), is_armed) {
                Verdict::Keep => break,
                Verdict::Disarm => {
                    let next = Selection { armed: None, ..self.selection.clone() };
                    written = written.and_then(|()| self.select(next.clone()));
                    self.selection.armed = None;
                }
                Verdict::Enter(tail) => {
                    let phase = self.phase(tail);
                    written = written.and_then(|()| self.enter(phase.clone()));
                    self.journal.state.phase = phase;
                }
            }
        }
        written?;
        if let SlotMark::Good(image) = self.selection.mark(self.selection.committed)
            && image.counter > self.selection.floor
        {
            self.select(Selection { floor: image.counter, ..self.selection.clone() })?;
        }
        self.clear_download()
    }

    /// Removes a download that nothing needs any more.
    fn clear_download(&self) -> Result<(), SlotError> {
        match self.tail() {
            Tail::Downloading | Tail::Downloaded | Tail::Installing => Ok(()),
            Tail::Idle
            | Tail::Installed
            | Tail::Armed
            | Tail::Trial
            | Tail::FallingBack
            | Tail::Committed
            | Tail::FellBack
            | Tail::Failed => {
                // Nothing follows from the removal, so it need not be safe: recovery repeats it.
                if self.disk.length(DOWNLOAD).map_err(SlotError::on(DOWNLOAD))?.is_some() {
                    self.disk.remove(DOWNLOAD).map_err(SlotError::on(DOWNLOAD))?;
                }
                Ok(())
            }
        }
    }

    pub(crate) fn tail(&self) -> Tail {
        self.journal.state.phase.tail()
    }

    /// The slot that the update goes to, or would.
    pub(crate) fn target(&self) -> Slot {
        self.journal.state.target.unwrap_or_else(|| self.selection.committed.other())
    }

    fn place(&self) -> Place {
        let target = self.target();
        match (self.selection.running == target, self.selection.committed == target, self.selection.was_rescued) {
            (false, false, true | false) => Place::Old,
            (true, false, true | false) => Place::Trial,
            (true, true, false) => Place::New,
            (true, true, true) => Place::Rescued,
            (false, true, true | false) => Place::Astray,
        }
    }

    fn mark(&self) -> Mark {
        match (self.selection.mark(self.target()), &self.journal.state.update) {
            (SlotMark::Good(image), Some(update)) if *image == update.image => Mark::Fits,
            (SlotMark::Good(_) | SlotMark::Bad(_) | SlotMark::Empty, _) => Mark::Unfit,
        }
    }

    /// The phase that recovery enters, with the reason as far as it is known.
    fn phase(&self, tail: Tail) -> Phase {
        let known = match &self.journal.state.phase {
            Phase::FallingBack { reason } | Phase::FellBack { reason } | Phase::Failed { reason } => Some(reason),
            _ => None,
        };
        let reason = || match (known, self.selection.mark(self.target())) {
            (Some(reason), _) => reason.clone(),
            (None, SlotMark::Bad(Why::Unverified)) => "the slot did not read back as the image".into(),
            (None, SlotMark::Bad(Why::Untested)) => "no boot of the image came to a self-test's end".into(),
            (None, SlotMark::Bad(Why::Unfinished) | SlotMark::Empty) => "the slot is not installed".into(),
            (None, SlotMark::Good(_)) => "the vehicle runs another slot than the update expects".into(),
        };
        match tail {
            Tail::Idle => Phase::Idle,
            Tail::Downloading => Phase::Downloading,
            Tail::Downloaded => Phase::Downloaded,
            Tail::Installing => Phase::Installing { slot: self.target() },
            Tail::Installed => Phase::Installed,
            Tail::Armed => Phase::Armed,
            Tail::Trial => Phase::Trial,
            Tail::FallingBack => Phase::FallingBack { reason: reason() },
            Tail::Committed => Phase::Committed,
            Tail::FellBack => Phase::FellBack { reason: reason() },
            Tail::Failed => Phase::Failed { reason: reason() },
        }
    }

    pub(crate) fn enter(&mut self, phase: Phase) -> Result<(), SlotError> {
        self.record(Record::Entered(phase))
    }

    pub(crate) fn record(&mut self, record: Record) -> Result<(), SlotError> {
        self.journal.append(&self.disk, record)
    }

    pub(crate) fn select(&mut self, mut next: Selection) -> Result<(), SlotError> {
        next.store(&self.disk)?;
        self.selection = next;
        Ok(())
    }

    fn check_counter(&self) -> Result<(), SlotError> {
        match self.update() {
            Some(update) => self.check_floor(&update.image),
            None => Err(self.out_of_order("go on")),
        }
    }

    pub(crate) fn check_floor(&self, image: &Image) -> Result<(), SlotError> {
        let (counter, floor) = (image.counter, self.selection.floor);
        if counter < floor { Err(SlotError::Rollback { counter, floor }) } else { Ok(()) }
    }

    pub(crate) fn out_of_order(&self, operation: &'static str) -> SlotError {
        SlotError::OutOfOrder { operation, stage: self.stage().name() }
    }
}
