//! Images as files named by their digest, a folder per tenant: what arrives in parts becomes an image when it is whole and its
//! digest is its name.

use data_encoding::HEXLOWER;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use kernel::{BoxFuture, Code, Reject, TenantId};
use md5::Md5;
use ota::ports::{Images, StoredImage, Upload};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use store::port::Fault;
use uptane::chunks::ChunkHasher;

/// Bytes of a chunk: what is checked, and fetched again, at once.
const CHUNK_BYTES: u64 = 1024 * 1024;
/// Bytes that are hashed at once.
const BLOCK_BYTES: usize = 256 * 1024;

/// Images in a folder.
#[derive(Debug, Clone)]
pub struct ImageFolder {
    folder: PathBuf,
    /// Parts are added one after another: two uploads of the same image do not mix.
    adding: Arc<Mutex<()>>,
}

fn fault(source: io::Error) -> Fault {
    match source.kind() {
        io::ErrorKind::StorageFull => Fault::Full,
        _ => Fault::Unavailable { what: "use the images", source: Box::new(source) },
    }
}

impl ImageFolder {
    /// The images in a folder that is made when it is first written to.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, adding: Arc::default() }
    }

    fn path(&self, tenant: &TenantId, sha256: &str, kind: &str) -> PathBuf {
        self.folder.join(tenant.as_str()).join(format!("{sha256}.{kind}"))
    }

    fn state_now(&self, tenant: &TenantId, sha256: &str) -> io::Result<Upload> {
        match fs::read(self.path(tenant, sha256, "json")) {
            Ok(known) => Ok(Upload::Whole(serde_json::from_slice(&known)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let received = fs::metadata(self.path(tenant, sha256, "part")).map_or(0, |known| known.len());
                Ok(Upload::Partial(received))
            }
            Err(error) => Err(error),
        }
    }

    fn append_now(
        &self,
        tenant: &TenantId,
        sha256: &str,
        length: u64,
        at: u64,
        bytes: &[u8],
    ) -> io::Result<Result<Upload, Reject>> {
        let _alone = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let received = match self.state_now(tenant, sha256)? {
            whole @ Upload::Whole(_) => return Ok(Ok(whole)),
            Upload::Partial(received) => received,
        };
        if at != received {
            let text = format!("{received} bytes are here: send the next part from there");
            return Ok(Err(Reject::new(Code::Conflict, text)));
        }
        let after = received + bytes.len() as u64;
        if after > length {
            let text = format!("the part ends at byte {after}, and the image at {length}");
            return Ok(Err(Reject::new(Code::Conflict, text)));
        }
        let part = self.path(tenant, sha256, "part");
        fs::create_dir_all(part.parent().unwrap_or(&self.folder))?;
        let mut file = OpenOptions::new().create(true).append(true).open(&part)?;
        if let Err(error) = file.write_all(bytes) {
            // Half a part would be taken for its beginning.
            file.set_len(received)?;
            return Err(error);
        }
        if after < length {
            return Ok(Ok(Upload::Partial(after)));
        }
        file.sync_all()?;
        self.finish(tenant, sha256, &part)
    }

    /// Checks a whole image and takes it in.
    fn finish(&self, tenant: &TenantId, sha256: &str, part: &Path) -> io::Result<Result<Upload, Reject>> {
        let mut file = File::open(part)?;
        let (mut sha2, mut sha1, mut md5, mut chunks) =
            (Sha256::new(), Sha1::new(), Md5::new(), ChunkHasher::new(CHUNK_BYTES));
        let (mut block, mut length) = (vec![0; BLOCK_BYTES], 0);
        loop {
            let read = file.read(&mut block)?;
            let Some(bytes) = block.get(..read).filter(|bytes| !bytes.is_empty()) else { break };
            sha2.update(bytes);
            sha1.update(bytes);
            md5.update(bytes);
            chunks.push(bytes);
            length += bytes.len() as u64;
        }
        let found = HEXLOWER.encode(&sha2.finalize());
        if found != sha256 {
            fs::remove_file(part)?;
            let text = format!("the image's SHA-256 is {found}: it was changed on its way, upload it again");
            return Ok(Err(Reject::new(Code::Conflict, text)));
        }
        let chunks = chunks.finish();
        let image = StoredImage {
            length,
            sha256: found,
            sha1: HEXLOWER.encode(&sha1.finalize()),
            md5: HEXLOWER.encode(&md5.finalize()),
            chunk_size: CHUNK_BYTES,
            chunk_root: chunks.chunking().root.to_string(),
        };
        self.write(tenant, sha256, "chunks", &chunks.to_bytes())?;
        fs::rename(part, self.path(tenant, sha256, "image"))?;
        // Last: what has this file is whole.
        self.write(tenant, sha256, "json", &serde_json::to_vec(&image)?)?;
        Ok(Ok(Upload::Whole(image)))
    }

    fn write(&self, tenant: &TenantId, sha256: &str, kind: &str, bytes: &[u8]) -> io::Result<()> {
        let (path, part) = (self.path(tenant, sha256, kind), self.path(tenant, sha256, &format!("{kind}-new")));
        let mut file = File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(part, &path)?;
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }

    fn read_now(&self, tenant: &TenantId, sha256: &str, range: Range<u64>) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.path(tenant, sha256, "image"))?;
        file.seek(SeekFrom::Start(range.start))?;
        let mut bytes = vec![0; usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(0)];
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn blocking<'a, T: Send + 'static>(
        &self,
        work: impl FnOnce(Self) -> io::Result<T> + Send + 'static,
    ) -> BoxFuture<'a, Result<T, Fault>> {
        let this = self.clone();
        Box::pin(async move {
            let done = tokio::task::spawn_blocking(move || work(this)).await;
            done.map_err(|_| Fault::Misuse("reading images was stopped"))?.map_err(fault)
        })
    }
}

impl Images for ImageFolder {
    fn state<'a>(&'a self, tenant: &'a TenantId, sha256: &'a str) -> BoxFuture<'a, Result<Upload, Fault>> {
        let (tenant, sha256) = (tenant.clone(), sha256.to_owned());
        self.blocking(move |images| images.state_now(&tenant, &sha256))
    }

    fn append<'a>(
        &'a self,
        tenant: &'a TenantId,
        sha256: &'a str,
        length: u64,
        at: u64,
        bytes: Vec<u8>,
    ) -> BoxFuture<'a, Result<Result<Upload, Reject>, Fault>> {
        let (tenant, sha256) = (tenant.clone(), sha256.to_owned());
        self.blocking(move |images| images.append_now(&tenant, &sha256, length, at, &bytes))
    }

    fn read<'a>(
        &'a self,
        tenant: &'a TenantId,
        sha256: &'a str,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<Vec<u8>, Fault>> {
        let (tenant, sha256) = (tenant.clone(), sha256.to_owned());
        self.blocking(move |images| images.read_now(&tenant, &sha256, range))
    }

    fn chunks<'a>(&'a self, tenant: &'a TenantId, sha256: &'a str) -> BoxFuture<'a, Result<Vec<u8>, Fault>> {
        let (tenant, sha256) = (tenant.clone(), sha256.to_owned());
        self.blocking(move |images| fs::read(images.path(&tenant, &sha256, "chunks")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "north-pit";

    fn images() -> (tempfile::TempDir, ImageFolder) {
        let folder = tempfile::tempdir().unwrap();
        let images = ImageFolder::new(folder.path().join("images"));
        (folder, images)
    }

    #[test]
    fn an_image_arrives_in_parts_and_is_checked_when_it_is_whole() {
        let (_folder, images) = images();
        let tenant: TenantId = TENANT.parse().unwrap();
        let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| n as u8).collect();
        let sha256 = HEXLOWER.encode(&Sha256::digest(&bytes));
        let add = |at: usize, until: usize| {
            images.append_now(&tenant, &sha256, bytes.len() as u64, at as u64, &bytes[at..until]).unwrap()
        };
        assert_eq!(add(0, 1_000_000), Ok(Upload::Partial(1_000_000)));
        // A part that comes twice, or too early, changes nothing.
        assert_eq!(add(0, 1_000_000).unwrap_err().code, Code::Conflict);
        assert_eq!(add(2_000_000, 3_000_000).unwrap_err().code, Code::Conflict);
        let whole = add(1_000_000, 3_000_000).unwrap();
        let Upload::Whole(image) = whole.clone() else { panic!("{whole:?}") };
        assert_eq!((image.length, &image.sha256), (3_000_000, &sha256));
        assert_eq!(add(0, 10), Ok(whole.clone()));
        assert_eq!(images.state_now(&tenant, &sha256).unwrap(), whole);
        assert_eq!(images.read_now(&tenant, &sha256, 2_999_990..3_000_000).unwrap(), bytes[2_999_990..]);
        let other: TenantId = "south-pit".parse().unwrap();
        assert_eq!(images.state_now(&other, &sha256).unwrap(), Upload::Partial(0));
    }

    #[test]
    fn an_image_that_is_not_what_its_name_says_is_refused_and_forgotten() {
        let (_folder, images) = images();
        let tenant: TenantId = TENANT.parse().unwrap();
        let sha256 = HEXLOWER.encode(&Sha256::digest(b"another"));
        let refused = images.append_now(&tenant, &sha256, 4, 0, b"this").unwrap().unwrap_err();
        assert!(refused.message.contains("upload it again"), "{refused}");
        assert_eq!(images.state_now(&tenant, &sha256).unwrap(), Upload::Partial(0));
    }
}
