//! Reading beside the writer: small answers on the caller's thread, large ones on threads of the engine, so that no
//! runtime's thread reads for longer than a millisecond.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use futures_channel::oneshot;
use rusqlite::Connection;
use store::port::Fault;

use crate::{schema, stopped, unavailable};

/// Rows or entries that are read on the caller's thread: some hundred kilobytes at most, read and copied in less than a
/// millisecond, while a hop to another thread costs more than they do.
pub const SMALL: usize = 32;

/// Read connections: as many readers as can be busy on a small machine; more of them only wait for the same disk.
const CONNECTIONS_MAX: usize = 8;

/// Threads that read large answers.
const THREADS: usize = 2;

/// Large reads that may wait for a thread: at some milliseconds each a caller beyond it would wait for seconds.
const QUEUE_MAX: usize = 512;

type Task = Box<dyn FnOnce() + Send>;

/// The connections that read.
struct Connections {
    database: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Connections {
    fn read<T>(&self, query: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => schema::open_reader(&self.database)?,
        };
        let answer = query(&connection);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < CONNECTIONS_MAX {
            idle.push(connection);
        }
        answer
    }
}

/// Whoever reads. Dropping it ends its threads and closes its connections.
pub struct Readers {
    connections: Arc<Connections>,
    tasks: Option<SyncSender<Task>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    /// Readers of a database.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] where no thread can be started.
    pub fn start(database: PathBuf) -> Result<Self, Fault> {
        let (tasks, waiting) = sync_channel::<Task>(QUEUE_MAX);
        let waiting = Arc::new(Mutex::new(waiting));
        let thread = |_| {
            let waiting = Arc::clone(&waiting);
            let builder = std::thread::Builder::new().name("store-reader".into());
            builder.spawn(move || work(&waiting)).map_err(|error| unavailable("start its readers", error))
        };
        let threads = (0..THREADS).map(thread).collect::<Result<_, _>>()?;
        let connections = Arc::new(Connections { database, idle: Mutex::default() });
        Ok(Self { connections, tasks: Some(tasks), threads })
    }

    /// Reads on the caller's thread what is known to be small.
    pub fn small<T>(&self, query: impl FnOnce(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        self.connections.read(query)
    }

    /// Reads on a thread of the engine.
    pub async fn large<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let Some(tasks) = &self.tasks else { return Err(Fault::Misuse("the store is closed")) };
        let (reply, answer) = oneshot::channel();
        let connections = Arc::clone(&self.connections);
        // Whoever has stopped waiting is not answered.
        let task = Box::new(move || drop(reply.send(connections.read(query))));
        tasks.try_send(task).map_err(|error| match error {
            TrySendError::Full(_) => Fault::Overloaded,
            TrySendError::Disconnected(_) => stopped("read"),
        })?;
        answer.await.unwrap_or_else(|_| Err(stopped("read")))
    }

    /// Reads a page: what there is of it, if that is little, else all of it on a thread of the engine.
    pub async fn page<T: Send + 'static>(
        &self,
        limit: usize,
        query: impl Fn(&Connection, usize) -> Result<Vec<T>, Fault> + Send + 'static,
    ) -> Result<Vec<T>, Fault> {
        let begin = self.small(|connection| query(connection, limit.min(SMALL)))?;
        if limit <= SMALL || begin.len() < SMALL {
            return Ok(begin);
        }
        self.large(move |connection| query(connection, limit)).await
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        drop(self.tasks.take());
        for thread in self.threads.drain(..) {
            // A panic of a reader was reported to whom it concerned.
            let _ = thread.join();
        }
        self.connections.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Works until every sender is gone.
fn work(waiting: &Mutex<Receiver<Task>>) {
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            Ok(task) => task(),
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a page was read whose table has so many rows, the first time and the last.
    fn read_by(readers: &Readers, rows: usize, limit: usize) -> Vec<String> {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (noted, name) = (Arc::clone(&seen), || std::thread::current().name().unwrap_or_default().to_owned());
        let query = move |_: &Connection, limit: usize| {
            noted.lock().unwrap().push(name());
            Ok(vec![(); rows.min(limit)])
        };
        let page = pollster::block_on(readers.page(limit, query)).unwrap();
        assert_eq!(page.len(), rows.min(limit));
        seen.lock().unwrap().clone()
    }

    #[test]
    fn a_large_page_is_read_on_a_thread_of_the_engine_and_a_small_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("x.sqlite");
        drop(schema::open_writer(&database, None).unwrap());
        let readers = Readers::start(database).unwrap();
        let here = std::thread::current().name().unwrap().to_owned();
        for (rows, limit) in [(1_000, SMALL), (SMALL - 1, 1_000), (0, 1_000)] {
            assert_eq!(read_by(&readers, rows, limit), [here.as_str()], "{rows} {limit}");
        }
        for (rows, limit) in [(1_000, SMALL + 1), (SMALL, 1_000), (1_000, 1_000)] {
            assert_eq!(read_by(&readers, rows, limit), [here.as_str(), "store-reader"], "{rows} {limit}");
        }
    }
}
