//! The identity on disk. Each file is replaced whole; a key that waits for its certificate has a file of its own, and is
//! there before it is sent, so that an answer that was lost can be asked for again.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use pki::SpiffeId;
use pki::bundle::Bundle;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::pair::{Pair, PairError, read_key};

/// The key of a device certificate that was not received yet.
const DEVICE_KEY: &str = "device.key";
const DEVICE: &str = "device.pem";
const DEVICE_AUTHORITIES: &str = "device-authorities.pem";
const SVID: &str = "svid.pem";
const BUNDLE: &str = "bundle.json";
/// SHA-256 of the join token that was used last.
const TOKEN: &str = "join-token.sha256";

/// The folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("cannot use {path}")]
    Io {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    #[error("{path} is of another vehicle ({id}): give each vehicle its own state folder")]
    OtherVehicle { path: PathBuf, id: SpiffeId },
    #[error("cannot make a key")]
    Key(#[source] rcgen::Error),
}

/// Why a trust bundle is not taken.
#[derive(Debug, thiserror::Error)]
pub enum BundleRefused {
    #[error(transparent)]
    Form(#[from] pki::bundle::BundleError),
    #[error("the trust bundle has sequence {offered}, and {kept} is known: an old one is not taken back")]
    Older { offered: u64, kept: u64 },
    #[error(transparent)]
    Folder(#[from] FolderError),
}

/// The folder of one vehicle's identity.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// A test lets the machine die before the step of this number.
    #[cfg(test)]
    steps_left: std::sync::atomic::AtomicUsize,
}

impl Folder {
    /// Opens or makes the folder below an agent's state.
    ///
    /// # Errors
    /// [`FolderError`].
    pub fn open(state: &Path) -> Result<Self, FolderError> {
        let path = state.join("identity");
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
        let made = made.and_then(|()| std::fs::set_permissions(&path, Permissions::from_mode(0o700)));
        let made = made.and_then(|()| File::open(state)?.sync_all());
        made.map_err(|cause| FolderError::Io { path: path.clone(), cause })?;
        Ok(Self {
            path,
            #[cfg(test)]
            steps_left: std::sync::atomic::AtomicUsize::new(usize::MAX),
        })
    }

    #[cfg(test)]
    fn step(&self) -> io::Result<()> {
        use std::sync::atomic::Ordering::SeqCst;
        let left = self.steps_left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        left.map(|_| ()).map_err(|_| io::Error::other("the machine died"))
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "a test lets it fail")]
    fn step(&self) -> io::Result<()> {
        Ok(())
    }

    fn failed(&self, name: &str) -> impl FnOnce(io::Error) -> FolderError {
        let path = self.path.join(name);
        move |cause| FolderError::Io { path, cause }
    }

    fn read(&self, name: &str) -> Result<Option<String>, FolderError> {
        match std::fs::read_to_string(self.path.join(name)) {
            Ok(text) => Ok(Some(text)),
            Err(cause) if matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => Ok(None),
            Err(cause) => Err(self.failed(name)(cause)),
        }
    }

    fn write(&self, name: &str, text: &str) -> Result<(), FolderError> {
        let fresh = self.path.join(format!(".{name}.new"));
        let replace = || -> io::Result<()> {
            self.step()?;
            let mut options = OpenOptions::new();
            let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
            self.step()?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            self.step()?;
            std::fs::rename(&fresh, self.path.join(name))?;
            File::open(&self.path)?.sync_all()
        };
        replace().map_err(self.failed(name))
    }

    fn remove(&self, name: &str) -> Result<(), FolderError> {
        let remove = || -> io::Result<()> {
            self.step()?;
            match std::fs::remove_file(self.path.join(name)) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
                _ => File::open(&self.path)?.sync_all(),
            }
        };
        remove().map_err(self.failed(name))
    }

    /// The pair in a file; `None` where there is none that is whole.
    fn pair(&self, name: &str, id: &SpiffeId) -> Result<Option<Pair>, FolderError> {
        let Some(text) = self.read(name)? else { return Ok(None) };
        match Pair::read(&text, id) {
            Ok(pair) => Ok(Some(pair)),
            Err(PairError::OtherId(id)) => Err(FolderError::OtherVehicle { path: self.path.clone(), id }),
            Err(error) => {
                tracing::error!(file = name, %error, "a kept identity cannot be used");
                Ok(None)
            }
        }
    }

    pub fn device(&self, id: &SpiffeId) -> Result<Option<Pair>, FolderError> {
        self.pair(DEVICE, id)
    }

    pub fn svid(&self, id: &SpiffeId) -> Result<Option<Pair>, FolderError> {
        self.pair(SVID, id)
    }

    /// The key for the next device certificate. The one that was sent before `by` the same token or certificate is sent
    /// again, since its certificate may have got lost; by another it would be an old key.
    pub fn next_device_key(&self, by: &str, device: Option<&Pair>) -> Result<KeyPair, FolderError> {
        let head = format!("By {by}\n");
        let kept = self.read(DEVICE_KEY)?.filter(|text| text.starts_with(&head)).as_deref().and_then(read_key);
        if let Some(key) = kept.filter(|key| !device.is_some_and(|device| device.has_key(key))) {
            return Ok(key);
        }
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(FolderError::Key)?;
        self.write(DEVICE_KEY, &format!("{head}{}", key.serialize_pem()))?;
        Ok(key)
    }

    /// Keeps what enrolment with a token gave. What an earlier enrolment left goes first.
    pub fn enrolled(&self, device: &Pair, token_sha256: &str) -> Result<(), FolderError> {
        self.remove(SVID)?;
        self.remove(BUNDLE)?;
        self.write(DEVICE, device.text().expose())?;
        self.write(TOKEN, token_sha256)?;
        self.remove(DEVICE_KEY)
    }

    /// Keeps the successor of a device certificate.
    pub fn keep_device(&self, device: &Pair) -> Result<(), FolderError> {
        self.write(DEVICE, device.text().expose())?;
        self.remove(DEVICE_KEY)
    }

    pub fn keep_svid(&self, svid: &Pair) -> Result<(), FolderError> {
        self.write(SVID, svid.text().expose())
    }

    pub fn used_token(&self) -> Result<Option<String>, FolderError> {
        self.read(TOKEN)
    }

    pub fn device_authorities(&self) -> Result<Vec<Vec<u8>>, FolderError> {
        let text = self.read(DEVICE_AUTHORITIES)?.unwrap_or_default();
        let certificates = CertificateDer::pem_slice_iter(text.as_bytes());
        Ok(certificates.map_while(Result::ok).map(|certificate| certificate.to_vec()).collect())
    }

    pub fn keep_device_authorities(&self, authorities: &[Vec<u8>]) -> Result<(), FolderError> {
        let all: String = authorities.iter().map(|der| pki::certificate::pem(der)).collect();
        self.write(DEVICE_AUTHORITIES, &all)
    }

    pub fn bundle(&self) -> Result<Option<Bundle>, FolderError> {
        Ok(self.read(BUNDLE)?.and_then(|document| Bundle::read(document.as_bytes()).ok()))
    }

    /// Keeps a trust bundle that is not older than the kept one.
    pub fn keep_bundle(&self, document: &str, kept: Option<&Bundle>) -> Result<Bundle, BundleRefused> {
        let bundle = Bundle::read(document.as_bytes())?;
        match kept.map(|kept| kept.sequence) {
            Some(kept) if bundle.sequence < kept => Err(BundleRefused::Older { offered: bundle.sequence, kept }),
            _ => {
                self.write(BUNDLE, document)?;
                Ok(bundle)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::SeqCst;

    use kernel::Timestamp;
    use keys::{CertificateAuthority, DeviceAuthority, EcKey};
    use pki::{Authority, SubjectKey, TrustDomain};

    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_764_000_000_000);
    const TOKENS: [&str; 2] = ["digest of the first token", "digest of the second token"];

    struct Server {
        devices: Authority<DeviceAuthority>,
        svids: Authority<CertificateAuthority>,
    }

    fn domain() -> TrustDomain {
        "fleet.example".parse().unwrap()
    }

    fn id(of: &str) -> SpiffeId {
        format!("spiffe://fleet.example/tenant/north-pit/{of}/veh_01m8mjdxvdewgttkcq8fcmk5r2").parse().unwrap()
    }

    fn subject(key: &KeyPair) -> SubjectKey {
        SubjectKey::of_request(rcgen::CertificateParams::default().serialize_request(key).unwrap().der()).unwrap()
    }

    impl Server {
        fn new() -> Self {
            Self {
                devices: Authority::new(EcKey::generate().unwrap(), &domain(), 1, NOW, 90_000_000).unwrap(),
                svids: Authority::new(EcKey::generate().unwrap(), &domain(), 2, NOW, 90_000_000).unwrap(),
            }
        }

        fn device(&self, key: &KeyPair) -> Pair {
            let issued = self.devices.issue_device(&subject(key), &id("device"), 7, NOW, 80_000_000).unwrap();
            Pair::new(key, issued.der, &id("device")).unwrap()
        }

        fn svid(&self) -> Pair {
            let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
            let issued = self.svids.issue_svid(&subject(&key), &id("vehicle"), 8, NOW, 3_600_000).unwrap();
            Pair::new(&key, issued.der, &id("vehicle")).unwrap()
        }

        fn bundle(&self, sequence: u64) -> String {
            let authorities = vec![self.svids.certificate().to_vec()];
            Bundle { sequence, refresh_hint_s: 60, authorities, token_keys: vec![] }.jwks().to_string()
        }

        /// Everything that enrolment writes, and the SVID after it.
        fn enrol(&self, folder: &Folder, token: &str) -> Result<(), FolderError> {
            let device = self.device(&folder.next_device_key(token, folder.device(&id("device"))?.as_ref())?);
            folder.keep_device_authorities(&[self.devices.certificate().to_vec()])?;
            folder.enrolled(&device, token)?;
            match folder.keep_bundle(&self.bundle(1), None) {
                Err(BundleRefused::Folder(error)) => return Err(error),
                kept => kept.unwrap(),
            };
            folder.keep_svid(&self.svid())
        }
    }

    fn open(state: &Path, steps: usize) -> Folder {
        let folder = Folder::open(state).unwrap();
        folder.steps_left.store(steps, SeqCst);
        folder
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_machine_that_dies_between_any_two_steps_can_go_on_or_enrol() {
        let (old, new) = (Server::new(), Server::new());
        for steps in 0.. {
            let state = tempfile::tempdir().unwrap();
            old.enrol(&open(state.path(), usize::MAX), TOKENS[0]).unwrap();
            let first = open(state.path(), 0).device(&id("device")).unwrap().unwrap();
            let survived = new.enrol(&open(state.path(), steps), TOKENS[1]).is_ok();

            let folder = open(state.path(), usize::MAX);
            let device = folder.device(&id("device")).unwrap().expect("the old one or the new one");
            let is_old = device.certificate == first.certificate;
            let authorities = folder.device_authorities().unwrap();
            assert_eq!(authorities.len(), 1, "{steps}");
            if !is_old {
                assert_eq!(authorities, [new.devices.certificate().to_vec()], "{steps}");
                let bundle = folder.bundle().unwrap();
                assert!(bundle.is_none_or(|bundle| bundle.authorities == [new.svids.certificate().to_vec()]));
            }
            let can_enrol = folder.used_token().unwrap().as_deref() != Some(TOKENS[1]);
            assert!(can_enrol || !is_old, "step {steps}: the token counts as used, and nothing came of it");
            if survived {
                assert!(!is_old && !can_enrol && folder.svid(&id("vehicle")).unwrap().is_some());
                return;
            }
            new.enrol(&folder, TOKENS[1]).unwrap();
        }
    }

    #[test]
    fn the_key_that_was_sent_is_sent_again_until_its_certificate_is_kept() {
        let (server, state) = (Server::new(), tempfile::tempdir().unwrap());
        let key = open(state.path(), 9).next_device_key(TOKENS[0], None).unwrap();
        let again = open(state.path(), 0).next_device_key(TOKENS[0], None).unwrap();
        assert_eq!(key.serialize_der(), again.serialize_der());
        let other = open(state.path(), 9).next_device_key(TOKENS[1], None).unwrap();
        assert_ne!(key.serialize_der(), other.serialize_der(), "another token is not for a key that may be known");
        // The machine died when the certificate was kept and the key was still there.
        let device = server.device(&other);
        open(state.path(), 3).keep_device(&device).unwrap_err();
        let folder = open(state.path(), 9);
        let kept = folder.device(&id("device")).unwrap().unwrap();
        assert_eq!(kept.certificate, device.certificate);
        assert!(
            !kept.has_key(&folder.next_device_key(TOKENS[1], Some(&kept)).unwrap()),
            "the next certificate is for a new key"
        );
    }

    #[test]
    fn a_key_never_meets_the_certificate_of_another() {
        let (server, state) = (Server::new(), tempfile::tempdir().unwrap());
        let folder = open(state.path(), 99);
        let (one, other) = (server.svid(), server.svid());
        let mixed = one.text().expose().split("-----BEGIN CERTIFICATE").next().unwrap().to_owned();
        folder.write(SVID, &format!("{mixed}{}", pki::certificate::pem(&other.certificate))).unwrap();
        assert!(folder.svid(&id("vehicle")).unwrap().is_none());
        for torn in ["", "-----BEGIN", one.text().expose().split_at(300).0] {
            folder.write(SVID, torn).unwrap();
            assert!(folder.svid(&id("vehicle")).unwrap().is_none());
        }
        folder.keep_svid(&one).unwrap();
        assert!(folder.svid(&id("vehicle")).unwrap().is_some());
        let stranger = folder.svid(&id("device"));
        assert!(matches!(stranger, Err(FolderError::OtherVehicle { .. })), "{stranger:?}");
    }

    #[test]
    fn nobody_else_reads_it() {
        let (server, state) = (Server::new(), tempfile::tempdir().unwrap());
        server.enrol(&open(state.path(), usize::MAX), TOKENS[0]).unwrap();
        let folder = state.path().join("identity");
        assert_eq!(mode(&folder), 0o700);
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }

    #[test]
    fn a_trust_bundle_is_never_older_than_before() {
        let (server, state) = (Server::new(), tempfile::tempdir().unwrap());
        let folder = open(state.path(), 99);
        let kept = folder.keep_bundle(&server.bundle(4), None).unwrap();
        let older = folder.keep_bundle(&server.bundle(3), Some(&kept));
        assert!(matches!(older, Err(BundleRefused::Older { offered: 3, kept: 4 })), "{older:?}");
        assert!(matches!(folder.keep_bundle("{}", Some(&kept)), Err(BundleRefused::Form(_))));
        assert_eq!(folder.bundle().unwrap(), Some(kept.clone()));
        assert_eq!(folder.keep_bundle(&server.bundle(5), Some(&kept)).unwrap().sequence, 5);
        assert_eq!(folder.bundle().unwrap().unwrap().sequence, 5);
    }
}
