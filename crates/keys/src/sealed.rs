//! Sealing: AES-256-GCM (NIST SP 800-38D) under a master key that lives in a file of its own, so that a copy of the
//! sealed file alone, as in a backup of the data, gives nobody a key.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::{KeyError, KeyFile, entropy};

/// What a sealed file begins with. It is authenticated too, so a later format cannot be passed off as this one.
const MAGIC: &[u8] = b"atlasmesh sealed keys v1\n";

/// What the file of a master key begins with.
const MASTER_PREFIX: &str = "atlasmesh-master-key-v1:";

const MASTER_BYTES: usize = 32;

/// The key that seals all others.
pub struct MasterKey(Zeroizing<[u8; MASTER_BYTES]>);

impl MasterKey {
    /// Reads the master key; `None` where its file does not exist.
    ///
    /// # Errors
    /// What reading fails with; [`KeyError::Corrupt`] when the file holds something else.
    pub fn load(file: &dyn KeyFile) -> Result<Option<Self>, KeyError> {
        let Some(content) = file.read()? else { return Ok(None) };
        parse_master(&content)
            .map(Some)
            .ok_or_else(|| KeyError::Corrupt { path: file.name(), why: "it does not hold a master key" })
    }

    /// Reads the master key, or makes one where there is none.
    ///
    /// # Errors
    /// As [`MasterKey::load`]; [`KeyError::Entropy`] when there is no randomness.
    pub fn load_or_create(file: &dyn KeyFile) -> Result<Self, KeyError> {
        if let Some(existing) = Self::load(file)? {
            return Ok(existing);
        }
        let mut bytes = Zeroizing::new([0; MASTER_BYTES]);
        entropy::fill(&mut *bytes)?;
        let mut text = Zeroizing::new(String::with_capacity(MASTER_PREFIX.len() + 64));
        text.push_str(MASTER_PREFIX);
        STANDARD.encode_string(*bytes, &mut text);
        text.push('\n');
        if file.create(text.as_bytes())? {
            return Ok(Self(bytes));
        }
        // Another process was faster; there must be one master key, so its is taken.
        Self::load(file)?.ok_or_else(|| KeyError::Corrupt { path: file.name(), why: "it vanished while it was read" })
    }

    fn cipher(&self) -> Result<LessSafeKey, KeyError> {
        let key = UnboundKey::new(&AES_256_GCM, &*self.0);
        key.map(LessSafeKey::new).map_err(|_| KeyError::Unusable("the master key was refused"))
    }

    /// Seals a text. The nonce is random: 2^32 writes of a keystore would be needed before one may come again.
    pub(crate) fn seal(&self, plain: &[u8]) -> Result<Vec<u8>, KeyError> {
        let mut nonce = [0; NONCE_LEN];
        entropy::fill(&mut nonce)?;
        let mut text = Zeroizing::new(Vec::with_capacity(plain.len() + AES_256_GCM.tag_len()));
        text.extend_from_slice(plain);
        self.cipher()?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(MAGIC), &mut *text)
            .map_err(|_| KeyError::Unusable("sealing failed"))?;
        Ok([MAGIC, &nonce, &text].concat())
    }

    /// Opens what [`MasterKey::seal`] sealed; the error says what does not fit.
    pub(crate) fn open(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, &'static str> {
        let rest = sealed.strip_prefix(MAGIC).ok_or("it does not begin like a file of sealed keys")?;
        let (nonce, text) = rest.split_first_chunk::<NONCE_LEN>().ok_or("it is cut short")?;
        let mut plain = Zeroizing::new(text.to_vec());
        let cipher = self.cipher().map_err(|_| "the master key was refused")?;
        let opened = cipher.open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(MAGIC), &mut plain);
        let length = opened.map_err(|_| "the seal does not match")?.len();
        plain.truncate(length);
        Ok(plain)
    }
}

fn parse_master(content: &[u8]) -> Option<MasterKey> {
    let text = std::str::from_utf8(content).ok()?.strip_prefix(MASTER_PREFIX)?.strip_suffix('\n')?;
    let decoded = Zeroizing::new(STANDARD.decode(text).ok()?);
    let bytes: [u8; MASTER_BYTES] = decoded.as_slice().try_into().ok()?;
    Some(MasterKey(Zeroizing::new(bytes)))
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(redacted)")
    }
}
