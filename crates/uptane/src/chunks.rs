//! The list of an image's chunks: the SHA-256 digests of all, one after the other. Its own digest is signed with the target,
//! so each chunk is checked as it arrives, and a download goes on after the last good one.

use sha2::{Digest, Sha256};

use crate::attack::{Attack, Refused};
use crate::metadata::{Chunking, Target};
use kernel::digest::{DIGEST_BYTES, Sha256Digest};

/// The most chunks of an image; their list then has 32 MiB.
pub const CHUNKS_MAX: u64 = 1 << 20;

/// The digests of an image's chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkList {
    digests: Vec<Sha256Digest>,
    /// The bytes of each chunk but the last.
    size: u64,
    /// The bytes of the image.
    length: u64,
}

/// Makes the list of an image whose bytes come in pieces of any length.
#[derive(Debug, Clone)]
pub struct ChunkHasher {
    list: ChunkList,
    hasher: Sha256,
    /// The bytes of the chunk that is not full yet.
    filled: u64,
}

impl ChunkHasher {
    /// For chunks of `size` bytes; a size of 0 counts as 1.
    pub fn new(size: u64) -> Self {
        let list = ChunkList { digests: Vec::new(), size: size.max(1), length: 0 };
        Self { list, hasher: Sha256::new(), filled: 0 }
    }

    /// Takes the next bytes of the image.
    pub fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = usize::try_from(self.list.size - self.filled).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.hasher.update(now);
            self.filled += now.len() as u64;
            self.list.length += now.len() as u64;
            if self.filled == self.list.size {
                self.close();
            }
            bytes = later;
        }
    }

    fn close(&mut self) {
        self.list.digests.push(Sha256Digest(self.hasher.finalize_reset().into()));
        self.filled = 0;
    }

    /// Ends the image.
    pub fn finish(mut self) -> ChunkList {
        if self.filled > 0 {
            self.close();
        }
        self.list
    }
}

impl ChunkList {
    /// Of an image whose bytes come in `pieces` of any length, cut into chunks of `size` bytes.
    pub fn of<P: AsRef<[u8]>>(size: u64, pieces: impl IntoIterator<Item = P>) -> Self {
        let mut hasher = ChunkHasher::new(size);
        for piece in pieces {
            hasher.push(piece.as_ref());
        }
        hasher.finish()
    }

    /// How many bytes the list of `target` has; read no more. `None` when the target has no list.
    pub fn bytes_of(target: &Target) -> Option<u64> {
        let (_, count) = cut(target).ok()?;
        Some(count * DIGEST_BYTES as u64)
    }

    /// Reads the list that belongs to `target`.
    ///
    /// # Errors
    /// [`Attack::Malformed`] when the target has no list or too many chunks, [`Attack::Integrity`] when this is not its list.
    pub fn read(bytes: &[u8], target: &Target) -> Result<Self, Refused> {
        let (chunk, count) = cut(target)?;
        let (digests, rest) = bytes.as_chunks::<DIGEST_BYTES>();
        if digests.len() as u64 != count || !rest.is_empty() {
            let text = format!("the list of chunks has {} bytes, but {count} digests are expected", bytes.len());
            return Err(Attack::Integrity.refused(text));
        }
        if Sha256Digest::of(bytes) != chunk.root {
            return Err(Attack::Integrity.refused("the list of chunks has another digest than the signed one"));
        }
        let digests = digests.iter().map(|digest| Sha256Digest(*digest)).collect();
        Ok(Self { digests, size: chunk.size, length: target.length })
    }

    /// Checks that `chunk` is the one at `index`, counted from 0.
    ///
    /// # Errors
    /// [`Attack::EndlessData`] when it is longer than it may be or lies behind the end, otherwise [`Attack::Integrity`].
    pub fn check(&self, index: u64, chunk: &[u8]) -> Result<(), Refused> {
        let digest = usize::try_from(index).ok().and_then(|index| self.digests.get(index));
        let Some(digest) = digest else {
            return Err(Attack::EndlessData.refused(format!("the image has no chunk {index}")));
        };
        // The index is below the number of chunks, so this does not overflow.
        let expected = self.size.min(self.length - index * self.size);
        let length = chunk.len() as u64;
        if length > expected {
            return Err(Attack::EndlessData.refused(format!("chunk {index} has {length} bytes, not {expected}")));
        }
        if length < expected || Sha256Digest::of(chunk) != *digest {
            return Err(Attack::Integrity.refused(format!("chunk {index} is not the signed one")));
        }
        Ok(())
    }

    /// How many chunks there are.
    pub fn count(&self) -> u64 {
        self.digests.len() as u64
    }

    /// The list, as it is served.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.digests.iter().flat_map(|digest| digest.0).collect()
    }

    /// What a target states of the list.
    pub fn chunking(&self) -> Chunking {
        Chunking { size: self.size, root: Sha256Digest::of(&self.to_bytes()) }
    }
}

/// How a target is cut, and into how many chunks.
fn cut(target: &Target) -> Result<(Chunking, u64), Refused> {
    let chunk = target.custom.as_ref().and_then(|custom| custom.chunk);
    let chunk = chunk.ok_or_else(|| Attack::Malformed.refused("the target has no list of chunks"))?;
    if chunk.size == 0 {
        return Err(Attack::Malformed.refused("the target's chunks have no bytes"));
    }
    let count = target.length.div_ceil(chunk.size);
    if count > CHUNKS_MAX {
        return Err(Attack::Malformed.refused(format!("the target has more than {CHUNKS_MAX} chunks")));
    }
    Ok((chunk, count))
}
