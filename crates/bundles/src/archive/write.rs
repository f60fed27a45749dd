//! Writing an archive, file by file, in the one order that there is.

use std::fmt::Display;
use std::io::{self, BufWriter, Read, Write};

use serde_json::Value;
use sha2::{Digest, Sha256};
use zstd::stream::write::Encoder;
use zstd::zstd_safe::CParameter;

use super::tar::{BLOCK, END_BYTES, FILE_BYTES_MAX, check_path, header, padding};
use super::{FileEntry, MANIFEST, Manifest, SIGNATURE, WriteError, ZSTD_LEVEL, ZSTD_WINDOW_LOG};
use crate::json::canonical;
use kernel::digest::Sha256Digest;

/// The most bytes of a part of the events, so that parts are written without holding all events.
pub const PART_BYTES_MAX: usize = 8 * 1_024 * 1_024;
/// zstd gets its input in pieces of one size, so that the bytes do not depend on the caller's.
const PIECE: usize = 128 * 1_024;

/// Writes an archive.
pub struct Writer<W: Write> {
    out: BufWriter<Encoder<'static, W>>,
    files: Vec<FileEntry>,
}

/// Events on their way into an archive, for a writer that gets them bit by bit.
pub struct EventParts {
    dir: String,
    part: Vec<u8>,
    number: u32,
    count: u64,
    last: Option<u64>,
}

impl EventParts {
    /// Parts in this directory of the archive.
    #[must_use]
    pub fn new(dir: &str) -> Self {
        Self { dir: dir.to_owned(), part: Vec::new(), number: 0, count: 0, last: None }
    }

    fn name(&self) -> String {
        format!("{}/{:08}.ndjson", self.dir, self.number)
    }

    /// Takes the next event with its place in the log.
    ///
    /// # Errors
    /// As [`Writer::add_events`].
    pub fn push<W: Write>(&mut self, to: &mut Writer<W>, index: u64, event: &Value) -> Result<(), WriteError> {
        if let Some(last) = self.last.filter(|last| *last >= index) {
            return Err(WriteError::Events { path: self.name(), index, last });
        }
        self.last = Some(index);
        let line = canonical("an event", event)?;
        if !self.part.is_empty() && self.part.len() + line.len() >= PART_BYTES_MAX {
            to.add_bytes(&self.name(), &self.part)?;
            self.part.clear();
            self.number += 1;
        }
        self.part.extend_from_slice(line.as_bytes());
        self.part.push(b'\n');
        self.count += 1;
        Ok(())
    }

    /// Writes what is left, and returns how many events there are.
    ///
    /// # Errors
    /// As [`Writer::add`].
    pub fn finish<W: Write>(self, to: &mut Writer<W>) -> Result<u64, WriteError> {
        to.add_bytes(&self.name(), &self.part)?;
        Ok(self.count)
    }
}

/// An archive whose manifest is written and whose signature is missing.
pub struct Sealed<W: Write> {
    out: BufWriter<Encoder<'static, W>>,
    pub manifest: Manifest,
    /// What is to be signed.
    pub digest: Sha256Digest,
}

impl<W: Write> Writer<W> {
    /// Begins an archive.
    ///
    /// # Errors
    /// [`WriteError::Io`].
    pub fn new(out: W) -> Result<Self, WriteError> {
        let mut encoder = Encoder::new(out, ZSTD_LEVEL)?;
        encoder.include_checksum(true)?;
        encoder.include_contentsize(false)?;
        encoder.set_parameter(CParameter::WindowLog(ZSTD_WINDOW_LOG))?;
        Ok(Self { out: BufWriter::with_capacity(PIECE, encoder), files: Vec::new() })
    }

    /// Adds a file of so many bytes.
    ///
    /// # Errors
    /// [`WriteError`]; the archive is then of no use.
    pub fn add(&mut self, path: &str, bytes: u64, content: &mut dyn Read) -> Result<(), WriteError> {
        if [MANIFEST, SIGNATURE].contains(&path) {
            return Err(WriteError::Reserved { path: path.to_owned() });
        }
        if let Some(last) = self.files.last().filter(|last| last.path.as_str() >= path) {
            return Err(WriteError::Order { path: path.to_owned(), last: last.path.clone() });
        }
        let entry = append(&mut self.out, path, bytes, content)?;
        self.files.push(entry);
        Ok(())
    }

    /// Adds a file that is in memory.
    ///
    /// # Errors
    /// As [`Writer::add`].
    pub fn add_bytes(&mut self, path: &str, mut content: &[u8]) -> Result<(), WriteError> {
        self.add(path, content.len() as u64, &mut content)
    }

    /// Adds events as lines of canonical JSON, in parts `dir/00000000.ndjson` and so on, and returns how many there are.
    /// Each comes with its place in the log.
    ///
    /// # Errors
    /// [`WriteError::Events`] when an event does not stand behind the one before it, otherwise as [`Writer::add`].
    pub fn add_events<E: Display>(
        &mut self,
        dir: &str,
        events: impl IntoIterator<Item = Result<(u64, Value), E>>,
    ) -> Result<u64, WriteError> {
        let mut parts = EventParts::new(dir);
        for event in events {
            let (index, event) = event.map_err(|error| WriteError::Source(error.to_string()))?;
            parts.push(self, index, &event)?;
        }
        parts.finish(self)
    }

    /// Writes the manifest. Its digest is what is signed.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn seal(mut self) -> Result<Sealed<W>, WriteError> {
        let manifest = Manifest { version: Manifest::VERSION, files: self.files };
        let text = manifest.text()?;
        append(&mut self.out, MANIFEST, text.len() as u64, &mut text.as_bytes())?;
        Ok(Sealed { out: self.out, manifest, digest: Sha256Digest::of(text.as_bytes()) })
    }
}

impl<W: Write> Sealed<W> {
    /// Writes the signature, when there is one, and ends the archive.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn finish(mut self, signature: Option<&[u8]>) -> Result<W, WriteError> {
        if let Some(mut signature) = signature {
            append(&mut self.out, SIGNATURE, signature.len() as u64, &mut signature)?;
        }
        self.out.write_all(&[0; END_BYTES])?;
        let encoder = self.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(encoder.finish()?)
    }
}

fn append(out: &mut dyn Write, path: &str, bytes: u64, content: &mut dyn Read) -> Result<FileEntry, WriteError> {
    let bad = |source| WriteError::Path { path: path.to_owned(), source };
    check_path(path).map_err(bad)?;
    let size = |actual| WriteError::Size { path: path.to_owned(), expected: bytes, actual };
    if bytes > FILE_BYTES_MAX {
        return Err(size(FILE_BYTES_MAX));
    }
    out.write_all(&header(path, bytes).map_err(bad)?)?;
    let mut hashing = Hashing { out, hasher: Sha256::new() };
    // One more byte than announced is enough to know that the size is wrong.
    let copied = io::copy(&mut content.take(bytes.saturating_add(1)), &mut hashing)?;
    let sha256 = Sha256Digest(hashing.hasher.finalize().into());
    if copied != bytes {
        return Err(size(copied));
    }
    out.write_all([0; BLOCK].get(..padding(bytes)).unwrap_or_default())?;
    Ok(FileEntry { path: path.to_owned(), sha256, bytes })
}

struct Hashing<'a> {
    out: &'a mut dyn Write,
    hasher: Sha256,
}

impl Write for Hashing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
