//! Verifications of journals that run beside the requests: one at a time in the process, at most one of each tenant, on
//! a thread of its own that gives way to everybody else. The newest of each tenant are kept until the process ends.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kernel::TenantId;
use kernel::id::{TypedId, uuid_v7};
use rustix::process::setpriority_process;
use schemars::JsonSchema;
use serde::Serialize;
use store::verify::{Progress, Verdict, verify_all};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};

use crate::Gateway;

/// Verifications of one tenant that can be looked at: who asks how far one is finds it, even if another was begun after it.
const KEPT: usize = 8;

/// The least that the system gives a thread: what is left over (`nice`, 19).
const NICENESS: i32 = 19;

kernel::typed_id!(VerificationId, "verif");

/// How far a verification is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "VerificationState")]
pub enum State {
    /// Another tenant's runs.
    Waiting,
    Running,
    Done,
    Failed,
}

/// A verification as it is told.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Verification {
    pub id: VerificationId,
    pub state: State,
    /// Whether rows are compared with the journal.
    pub replay: bool,
    /// What was looked at until now.
    pub progress: Progress,
    pub verdict: Option<Verdict>,
    pub problem: Option<String>,
}

impl Verification {
    fn is_over(&self) -> bool {
        matches!(self.state, State::Done | State::Failed)
    }
}

/// The verifications of a process.
#[derive(Debug)]
pub struct Verifications {
    /// The newest of each tenant, in the order in which they began.
    newest: Mutex<BTreeMap<TenantId, VecDeque<Arc<Mutex<Verification>>>>>,
    turn: Arc<Semaphore>,
    stopping: watch::Receiver<bool>,
}

impl Verifications {
    /// None yet; the one that runs ends when `stopping` becomes true.
    pub fn new(stopping: watch::Receiver<bool>) -> Self {
        Self { newest: Mutex::default(), turn: Arc::new(Semaphore::new(1)), stopping }
    }

    /// One of a tenant's newest.
    pub fn of(&self, tenant: &TenantId, id: VerificationId) -> Option<Verification> {
        locked(&self.newest).get(tenant)?.iter().map(|kept| locked(kept).clone()).find(|kept| kept.id == id)
    }

    pub async fn ended(&self) {
        // It is never closed.
        let _ = self.turn.acquire().await;
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Gateway {
    /// Begins a verification of a tenant's journal; the one that has not ended, where there is one.
    pub fn begin_verification(self: &Arc<Self>, tenant: &TenantId, replay: bool) -> Verification {
        let mut newest = locked(&self.verifications.newest);
        let kept = newest.entry(tenant.clone()).or_default();
        if let Some(before) = kept.back().map(|before| locked(before).clone()).filter(|before| !before.is_over()) {
            return before;
        }
        let now_ms = self.source.now().as_ms().unsigned_abs();
        let begun = Verification {
            id: VerificationId::from_u128(uuid_v7(now_ms, self.source.entropy())),
            state: State::Waiting,
            replay,
            progress: Progress::default(),
            verdict: None,
            problem: None,
        };
        let told = Arc::new(Mutex::new(begun.clone()));
        kept.push_back(Arc::clone(&told));
        if kept.len() > KEPT {
            kept.pop_front();
        }
        tokio::spawn(run_when_free(Arc::clone(self), tenant.clone(), Job(told)));
        begun
    }

    /// Verifies on this thread, to the end or until the process stops.
    fn verify(&self, runtime: &Handle, tenant: &TenantId, job: &Job) {
        job.tell(|now| now.state = State::Running);
        let replay = locked(&job.0).replay;
        let watch = |progress: Progress| {
            job.tell(|now| now.progress = progress);
            std::thread::yield_now();
            if *self.verifications.stopping.borrow() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let key = |tenant: &TenantId| self.note_verifier(tenant);
        let folds = || (self.folds)(replay);
        let tenants = std::slice::from_ref(tenant);
        match runtime.block_on(verify_all(&*self.store, tenants, &key, &folds, &watch)) {
            Ok(verdict) => job.tell(|now| {
                now.state = State::Done;
                now.verdict = Some(verdict);
            }),
            Err(error) => job.fail(error.to_string()),
        }
    }
}

/// Who tells of a verification. It is over when this goes, whatever happened.
struct Job(Arc<Mutex<Verification>>);

impl Job {
    fn tell(&self, change: impl FnOnce(&mut Verification)) {
        change(&mut locked(&self.0));
    }

    fn fail(&self, problem: String) {
        self.tell(|now| {
            now.state = State::Failed;
            now.problem = Some(problem);
        });
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        let is_over = locked(&self.0).is_over();
        if !is_over {
            self.fail("it ended before it was done: begin another".into());
        }
    }
}

/// Lowers the priority of this thread where the system knows one of threads: elsewhere it is that of the process.
fn lower_priority() {
    if cfg!(target_os = "linux")
        && let Err(error) = setpriority_process(None, NICENESS)
    {
        tracing::debug!(%error, "a verification runs with the priority of everything else");
    }
}

/// Waits until no other runs, then runs one on a thread of its own.
async fn run_when_free(gateway: Arc<Gateway>, tenant: TenantId, job: Job) {
    let mut stopping = gateway.verifications.stopping.clone();
    let turn = Arc::clone(&gateway.verifications.turn);
    let turn = tokio::select! {
        biased;
        // A sender that is gone means the process is ending anyway.
        _ = stopping.wait_for(|stop| *stop) => return,
        turn = turn.acquire_owned() => turn,
    };
    let runtime = Handle::current();
    let begun = std::thread::Builder::new().name("verify".into()).spawn(move || {
        lower_priority();
        gateway.verify(&runtime, &tenant, &job);
        drop((job, turn));
    });
    if let Err(error) = begun {
        tracing::warn!(%error, "a verification has no thread");
    }
}
