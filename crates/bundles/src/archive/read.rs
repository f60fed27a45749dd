//! Reading an archive as a stranger's: every byte has one place and one value that it may have, and every size a limit.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use sha2::{Digest, Sha256};
use zstd::stream::read::Decoder;

use super::tar::{BLOCK, END_BYTES, padding, parse};
use super::{FileEntry, MANIFEST, Manifest, SIGNATURE, ZSTD_WINDOW_LOG};
use kernel::digest::Sha256Digest;

/// How much is read before an archive is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub files: usize,
    /// Of all files, unpacked.
    pub bytes: u64,
    /// Of the manifest and of the signature, each; they are held in memory.
    pub document_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { files: 200_000, bytes: 16 << 30, document_bytes: 64 << 20 }
    }
}

/// Why an archive cannot be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    #[error("behind {after}: the archive is damaged or cut off: {source}")]
    Damaged { after: String, source: io::Error },
    #[error("this is no zstd archive")]
    NotZstd,
    #[error("behind {after}: a header is not that of a plain file as this archive has them")]
    Header { after: String },
    #[error("{path} does not stand behind {last} in the order of names")]
    Order { path: String, last: String },
    #[error("{path}: the space behind the file is not zero")]
    Padding { path: String },
    #[error("the archive has more than {max} {what}")]
    TooMuch { what: &'static str, max: u64 },
    #[error("there are bytes behind the end of the archive")]
    Trailing,
    #[error("{path} is missing or not where it belongs")]
    Missing { path: &'static str },
    #[error("manifest.json is not as it is written: {0}")]
    Manifest(String),
    #[error("{path}: {source}")]
    Visitor { path: String, source: io::Error },
}

/// A file that is not as the manifest says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    #[error("{path} was changed: its digest is {actual} and not {expected}")]
    Changed { path: String, expected: Sha256Digest, actual: Sha256Digest },
    #[error("{path} has {actual} bytes and not {expected}")]
    Size { path: String, expected: u64, actual: u64 },
    #[error("{path} is missing")]
    Missing { path: String },
    #[error("{path} is not in the manifest")]
    Extra { path: String },
}

/// What was read.
#[derive(Debug)]
pub struct Contents {
    pub manifest: Manifest,
    /// What the signature must be over.
    pub digest: Sha256Digest,
    /// The signature as it stands in the archive.
    pub signature: Option<Vec<u8>>,
    /// Empty where every file is as the manifest says; by path.
    pub findings: Vec<Finding>,
}

/// Reads an archive and gives every file that the manifest is about to `visit`, which need not read it to its end. Nothing
/// that `visit` saw is to be believed before the findings are empty and the signature is verified.
///
/// # Errors
/// [`Problem`] when the archive is not one that [`super::Writer`] could have written, or exceeds the limits.
pub fn read<R: Read>(
    archive: R,
    limits: &Limits,
    mut visit: impl FnMut(&str, u64, &mut dyn Read) -> io::Result<()>,
) -> Result<Contents, Problem> {
    let mut archive = Archive::open(archive, *limits)?;
    let mut files: Vec<FileEntry> = Vec::new();
    let manifest_text = loop {
        let Some((path, bytes)) = archive.header()? else { return Err(Problem::Missing { path: MANIFEST }) };
        if path == MANIFEST {
            break archive.document(bytes)?;
        }
        if path == SIGNATURE {
            return Err(Problem::Missing { path: MANIFEST });
        }
        if let Some(last) = files.last().filter(|last| last.path >= path) {
            return Err(Problem::Order { path, last: last.path.clone() });
        }
        if files.len() >= limits.files {
            return Err(Problem::TooMuch { what: "files", max: limits.files as u64 });
        }
        let sha256 = archive.content(bytes, |content| visit(&path, bytes, content))?;
        files.push(FileEntry { path, sha256, bytes });
    };
    let signature = match archive.header()? {
        None => None,
        Some((path, bytes)) if path == SIGNATURE => {
            let signature = archive.document(bytes)?;
            if archive.header()?.is_some() {
                return Err(Problem::Trailing);
            }
            Some(signature)
        }
        Some(_) => return Err(Problem::Missing { path: SIGNATURE }),
    };
    archive.end()?;
    let manifest = manifest_of(&manifest_text)?;
    let findings = compare(&manifest.files, &files);
    Ok(Contents { digest: Sha256Digest::of(&manifest_text), manifest, signature, findings })
}

fn manifest_of(text: &[u8]) -> Result<Manifest, Problem> {
    let manifest: Manifest = serde_json::from_slice(text).map_err(|error| Problem::Manifest(error.to_string()))?;
    if manifest.version != Manifest::VERSION {
        return Err(Problem::Manifest(format!("its version is {}", manifest.version)));
    }
    if !manifest.files.is_sorted_by(|a, b| a.path < b.path) {
        return Err(Problem::Manifest("its files are not sorted or named twice".to_owned()));
    }
    match manifest.text() {
        Ok(canonical) if canonical.as_bytes() == text => Ok(manifest),
        _ => Err(Problem::Manifest("it is not in canonical form".to_owned())),
    }
}

/// Both lists are sorted by path.
fn compare(expected: &[FileEntry], actual: &[FileEntry]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (mut expected, mut actual) = (expected.iter().peekable(), actual.iter().peekable());
    loop {
        let order = match (expected.peek(), actual.peek()) {
            (None, None) => return findings,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(expected), Some(actual)) => expected.path.cmp(&actual.path),
        };
        let wanted = if order.is_le() { expected.next() } else { None };
        let found = if order.is_ge() { actual.next() } else { None };
        match (wanted, found) {
            (Some(wanted), Some(found)) if wanted.bytes != found.bytes => {
                let (path, expected, actual) = (found.path.clone(), wanted.bytes, found.bytes);
                findings.push(Finding::Size { path, expected, actual });
            }
            (Some(wanted), Some(found)) if wanted.sha256 != found.sha256 => {
                let (path, expected, actual) = (found.path.clone(), wanted.sha256, found.sha256);
                findings.push(Finding::Changed { path, expected, actual });
            }
            (Some(wanted), None) => findings.push(Finding::Missing { path: wanted.path.clone() }),
            (None, Some(found)) => findings.push(Finding::Extra { path: found.path.clone() }),
            _ => {}
        }
    }
}

/// The first bytes of a frame.
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

type Source<R> = BufReader<io::Chain<Cursor<[u8; 4]>, R>>;

struct Archive<R: Read> {
    tar: Decoder<'static, Source<R>>,
    limits: Limits,
    /// Of the limit.
    bytes_left: u64,
    /// The file that was read last, for whoever looks for the damage.
    last: String,
}

impl<R: Read> Archive<R> {
    fn open(mut archive: R, limits: Limits) -> Result<Self, Problem> {
        let mut magic = [0; 4];
        archive.read_exact(&mut magic).map_err(|_| Problem::NotZstd)?;
        // Frames that decoders skip would be a place to hide something in.
        if magic != ZSTD_MAGIC {
            return Err(Problem::NotZstd);
        }
        let last = "the beginning".to_owned();
        let damaged = |source| Problem::Damaged { after: "the beginning".to_owned(), source };
        let source = BufReader::with_capacity(128 * 1_024, Cursor::new(magic).chain(archive));
        let mut tar = Decoder::with_buffer(source).map_err(damaged)?.single_frame();
        tar.window_log_max(ZSTD_WINDOW_LOG).map_err(damaged)?;
        Ok(Self { tar, limits, bytes_left: limits.bytes, last })
    }

    fn damaged(&self, source: io::Error) -> Problem {
        Problem::Damaged { after: self.last.clone(), source }
    }

    /// The next file's name and size; nothing at the end of the archive.
    fn header(&mut self) -> Result<Option<(String, u64)>, Problem> {
        let mut block = [0; BLOCK];
        self.tar.read_exact(&mut block).map_err(|error| self.damaged(error))?;
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let Some((path, bytes)) = parse(&block) else { return Err(Problem::Header { after: self.last.clone() }) };
        let blocks = bytes.saturating_add(BLOCK as u64);
        let Some(left) = self.bytes_left.checked_sub(blocks) else {
            return Err(Problem::TooMuch { what: "bytes", max: self.limits.bytes });
        };
        self.bytes_left = left;
        self.last.clone_from(&path);
        Ok(Some((path, bytes)))
    }

    /// The digest of a file that `visit` may read.
    fn content(
        &mut self,
        bytes: u64,
        visit: impl FnOnce(&mut dyn Read) -> io::Result<()>,
    ) -> Result<Sha256Digest, Problem> {
        let mut content = Content { from: (&mut self.tar).take(bytes), hasher: Sha256::new(), failed: None };
        let visited = visit(&mut content);
        let rest = io::copy(&mut content, &mut io::sink());
        let (left, hasher, failed) = (content.from.limit(), content.hasher, content.failed);
        if let Some(kind) = failed {
            return Err(self.damaged(kind.into()));
        }
        visited.map_err(|source| Problem::Visitor { path: self.last.clone(), source })?;
        rest.map_err(|error| self.damaged(error))?;
        if left > 0 {
            return Err(self.damaged(io::ErrorKind::UnexpectedEof.into()));
        }
        let mut space = [0; BLOCK];
        let space = space.get_mut(..padding(bytes)).unwrap_or_default();
        self.tar.read_exact(space).map_err(|error| self.damaged(error))?;
        if space.iter().any(|byte| *byte != 0) {
            return Err(Problem::Padding { path: self.last.clone() });
        }
        Ok(Sha256Digest(hasher.finalize().into()))
    }

    /// A file that is small enough to hold.
    fn document(&mut self, bytes: u64) -> Result<Vec<u8>, Problem> {
        if bytes > self.limits.document_bytes {
            return Err(Problem::TooMuch { what: "bytes in a document", max: self.limits.document_bytes });
        }
        let mut text = Vec::new();
        self.content(bytes, |content| content.read_to_end(&mut text).map(|_| ()))?;
        Ok(text)
    }

    /// Checks that the archive ends where it says; the first block of zeros is read.
    fn end(mut self) -> Result<(), Problem> {
        let mut rest = Vec::new();
        let most = END_BYTES as u64;
        (&mut self.tar).take(most).read_to_end(&mut rest).map_err(|error| self.damaged(error))?;
        if rest.len() != END_BYTES - BLOCK || rest.iter().any(|byte| *byte != 0) {
            return Err(Problem::Trailing);
        }
        let damaged = |source| Problem::Damaged { after: "the end".to_owned(), source };
        let mut source = self.tar.finish();
        if source.fill_buf().map_err(damaged)?.is_empty() { Ok(()) } else { Err(Problem::Trailing) }
    }
}

/// A file's content, hashed as it is read. It remembers that the archive failed, whatever the visitor makes of that.
struct Content<R> {
    from: io::Take<R>,
    hasher: Sha256,
    failed: Option<io::ErrorKind>,
}

impl<R: Read> Read for Content<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer).inspect_err(|error| {
            if error.kind() != io::ErrorKind::Interrupted {
                self.failed = Some(error.kind());
            }
        })?;
        self.hasher.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}
