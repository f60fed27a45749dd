//! A disk that forgets: what is not synced may be lost, torn or half there after a cut, and so may names.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use agent::slots::Disk;

const SECTOR_BYTES: usize = 512;

/// What a cut makes of writes that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tear {
    Lost,
    /// All but the last are there, and of the last some first bytes.
    Torn,
    /// Of each, some sectors are there, whichever the disk wrote first.
    Reordered,
    Kept,
}

/// What a cut makes of names that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    Undone,
    /// The earlier half is there.
    Half,
    Kept,
}

pub const TEARS: [Tear; 4] = [Tear::Lost, Tear::Torn, Tear::Reordered, Tear::Kept];
pub const NAMES: [Names; 3] = [Names::Undone, Names::Half, Names::Kept];

#[derive(Debug, Clone)]
enum Change {
    Empty,
    Write(usize, Vec<u8>),
}

#[derive(Debug, Clone, Default)]
struct Inode {
    safe: Vec<u8>,
    now: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Naming {
    Put(String, usize),
    Move(String, String),
    Take(String),
}

#[derive(Debug, Clone, Default)]
struct Inner {
    inodes: Vec<Inode>,
    safe_names: BTreeMap<String, usize>,
    names: BTreeMap<String, usize>,
    namings: Vec<Naming>,
    operations: u64,
    cut_at: Option<u64>,
    full_at: Option<u64>,
    fail_at: Option<u64>,
    is_dead: bool,
}

/// A handle: clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct SimulatedDisk(Rc<RefCell<Inner>>);

fn write(into: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if into.len() < offset + bytes.len() {
        into.resize(offset + bytes.len(), 0);
    }
    into[offset..offset + bytes.len()].copy_from_slice(bytes);
}

impl Inode {
    fn crash(&mut self, tear: Tear, salt: usize) {
        let pending = std::mem::take(&mut self.pending);
        let last = pending.len().saturating_sub(1);
        let mut after = std::mem::take(&mut self.safe);
        for (n, change) in pending.iter().enumerate() {
            match (tear, change) {
                (Tear::Lost, _) => {}
                (_, Change::Empty) => after.clear(),
                (Tear::Torn, Change::Write(offset, bytes)) if n == last => {
                    write(&mut after, *offset, &bytes[..(salt * 37) % (bytes.len() + 1)]);
                }
                (Tear::Reordered, Change::Write(offset, bytes)) => {
                    for (sector, part) in bytes.chunks(SECTOR_BYTES).enumerate() {
                        if (sector + n + salt).is_multiple_of(2) {
                            write(&mut after, offset + sector * SECTOR_BYTES, part);
                        }
                    }
                }
                (Tear::Torn | Tear::Kept, Change::Write(offset, bytes)) => write(&mut after, *offset, bytes),
            }
        }
        self.safe.clone_from(&after);
        self.now = after;
    }
}

impl Inner {
    fn name(names: &mut BTreeMap<String, usize>, naming: &Naming) {
        match naming {
            Naming::Put(name, inode) => drop(names.insert(name.clone(), *inode)),
            Naming::Move(from, to) => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
            Naming::Take(name) => drop(names.remove(name)),
        }
    }

    fn put(&mut self, naming: Naming) {
        Self::name(&mut self.names, &naming);
        self.namings.push(naming);
    }

    fn find(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl SimulatedDisk {
    /// Puts a file there, safe.
    pub fn put(&self, name: &str, bytes: &[u8]) {
        let mut inner = self.0.borrow_mut();
        let inode = inner.inodes.len();
        inner.inodes.push(Inode { safe: bytes.to_vec(), now: bytes.to_vec(), pending: vec![] });
        inner.names.insert(name.into(), inode);
        inner.safe_names.insert(name.into(), inode);
    }

    /// What a file holds now, without an operation; nothing where there is none.
    pub fn peek(&self, name: &str) -> Vec<u8> {
        let inner = self.0.borrow();
        inner.names.get(name).map(|inode| inner.inodes[*inode].now.clone()).unwrap_or_default()
    }

    /// Another disk with the same content.
    pub fn fork(&self) -> Self {
        Self(Rc::new(RefCell::new(self.0.borrow().clone())))
    }

    pub fn operations(&self) -> u64 {
        self.0.borrow().operations
    }

    pub fn is_dead(&self) -> bool {
        self.0.borrow().is_dead
    }

    /// Cuts the power during the `n`-th operation from now.
    pub fn cut_in(&self, n: Option<u64>) {
        let mut inner = self.0.borrow_mut();
        inner.cut_at = n.map(|n| inner.operations + n);
    }

    /// Has no more space from the `n`-th operation from now on.
    pub fn full_in(&self, n: Option<u64>) {
        let mut inner = self.0.borrow_mut();
        inner.full_at = n.map(|n| inner.operations + n);
    }

    /// Lets the `n`-th operation from now fail, once. A sync that fails forgets what it should have made safe, as Linux does:
    /// it can still be read, and no later sync writes it.
    pub fn fail_in(&self, n: Option<u64>) {
        let mut inner = self.0.borrow_mut();
        inner.fail_at = n.map(|n| inner.operations + n);
    }

    /// The process died and the machine did not: what is written is there, and as unsafe as it was.
    pub fn restart_process(&self) {
        let mut inner = self.0.borrow_mut();
        inner.is_dead = false;
        inner.cut_at = None;
    }

    /// What the cut leaves, and power again.
    pub fn crash(&self, tear: Tear, names: Names) {
        let mut inner = self.0.borrow_mut();
        let salt = inner.operations as usize;
        inner.inodes.iter_mut().enumerate().for_each(|(n, inode)| inode.crash(tear, salt + n));
        let namings = std::mem::take(&mut inner.namings);
        let kept = match names {
            Names::Undone => 0,
            Names::Half => namings.len() / 2,
            Names::Kept => namings.len(),
        };
        let mut after = inner.safe_names.clone();
        namings.iter().take(kept).for_each(|naming| Inner::name(&mut after, naming));
        inner.safe_names.clone_from(&after);
        inner.names = after;
        inner.is_dead = false;
        inner.cut_at = None;
    }

    fn forget(&self, name: &str) {
        let mut inner = self.0.borrow_mut();
        if let Ok(inode) = inner.find(name) {
            inner.inodes[inode].pending.clear();
        }
    }

    /// One operation. One that changes something has changed it when the power goes, as far as the disk has kept up.
    fn operate<T>(&self, takes_space: bool, operation: impl FnOnce(&mut Inner) -> io::Result<T>) -> io::Result<T> {
        let mut inner = self.0.borrow_mut();
        if inner.is_dead {
            return Err(io::Error::other("no power"));
        }
        let number = inner.operations;
        inner.operations += 1;
        if takes_space && inner.full_at.is_some_and(|at| number >= at) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        if inner.cut_at.is_some_and(|at| number >= at) {
            inner.is_dead = true;
            // A sync that is cut has done nothing that could be relied on.
            let _cut = operation(&mut inner);
            return Err(io::Error::other("the power goes"));
        }
        if inner.fail_at.is_some_and(|at| number == at) {
            inner.fail_at = None;
            return Err(io::Error::other("the device does not answer"));
        }
        operation(&mut inner)
    }
}

impl Disk for SimulatedDisk {
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        self.operate(false, |inner| Ok(inner.find(name).ok().map(|inode| inner.inodes[inode].now.clone())))
    }

    fn read_at(&self, name: &str, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.operate(false, |inner| {
            let inode = inner.find(name)?;
            let begin = offset as usize;
            let bytes = inner.inodes[inode].now.get(begin..begin + into.len());
            into.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        })
    }

    fn length(&self, name: &str) -> io::Result<Option<u64>> {
        self.operate(false, |inner| Ok(inner.find(name).ok().map(|inode| inner.inodes[inode].now.len() as u64)))
    }

    fn create(&self, name: &str) -> io::Result<()> {
        self.operate(true, |inner| {
            let Ok(inode) = inner.find(name) else {
                inner.inodes.push(Inode::default());
                inner.put(Naming::Put(name.into(), inner.inodes.len() - 1));
                return Ok(());
            };
            inner.inodes[inode].now.clear();
            inner.inodes[inode].pending.push(Change::Empty);
            Ok(())
        })
    }

    fn write_at(&self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        // A disk that gets full in a write has taken a part of it.
        let is_full = self.0.borrow().full_at.is_some_and(|at| self.0.borrow().operations >= at);
        if is_full && !self.is_dead() {
            let mut inner = self.0.borrow_mut();
            let inode = inner.find(name)?;
            let part = &bytes[..bytes.len() / 2];
            write(&mut inner.inodes[inode].now, offset as usize, part);
            inner.inodes[inode].pending.push(Change::Write(offset as usize, part.to_vec()));
        }
        self.operate(true, |inner| {
            let inode = inner.find(name)?;
            write(&mut inner.inodes[inode].now, offset as usize, bytes);
            inner.inodes[inode].pending.push(Change::Write(offset as usize, bytes.to_vec()));
            Ok(())
        })
    }

    fn fsync(&self, name: &str) -> io::Result<()> {
        let is_pending =
            self.0.borrow().find(name).is_ok_and(|inode| !self.0.borrow().inodes[inode].pending.is_empty());
        let result = self.operate(is_pending, |inner| {
            let inode = inner.find(name)?;
            if !inner.is_dead {
                let inode = &mut inner.inodes[inode];
                for change in std::mem::take(&mut inode.pending) {
                    match change {
                        Change::Empty => inode.safe.clear(),
                        Change::Write(offset, bytes) => write(&mut inode.safe, offset, &bytes),
                    }
                }
            }
            Ok(())
        });
        let is_failed = result.as_ref().is_err_and(|cause| cause.kind() == io::ErrorKind::Other) && !self.is_dead();
        if is_failed {
            self.forget(name);
        }
        result
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.operate(true, |inner| {
            inner.find(from)?;
            inner.put(Naming::Move(from.into(), to.into()));
            Ok(())
        })
    }

    fn fsync_folder(&self) -> io::Result<()> {
        self.operate(false, |inner| {
            if !inner.is_dead {
                inner.namings.clear();
                inner.safe_names = inner.names.clone();
            }
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.operate(false, |inner| {
            inner.put(Naming::Take(name.into()));
            Ok(())
        })
    }
}
