//! Work that takes a core for long: on threads of its own, a few at a time, so that requests beside it are answered.

use std::sync::Arc;
use std::time::Duration;

use kernel::Code;
use tokio::sync::Semaphore;

use super::problem::Problem;

/// How long a request waits for its turn.
const TURN_LIMIT: Duration = Duration::from_secs(5);

/// Turns at one kind of heavy work.
#[derive(Debug, Clone)]
pub struct Turns(Arc<Semaphore>);

impl Turns {
    pub fn new(at_once: usize) -> Self {
        Self(Arc::new(Semaphore::new(at_once)))
    }

    /// Runs it on a thread of its own once it is its turn.
    ///
    /// # Errors
    /// `OVERLOADED` with `busy` where no turn came in time; `UNAVAILABLE` where the work panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        busy: &'static str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let overloaded = || Problem::new(Code::Overloaded, busy);
        let turn = tokio::time::timeout(TURN_LIMIT, Arc::clone(&self.0).acquire_owned());
        let turn = turn.await.map_err(|_| overloaded())?.map_err(|_| overloaded())?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        done.await.map_err(|_| Problem::new(Code::Unavailable, "it could not be finished: try again"))
    }
}
