//! The files of an overlay in memory, read strictly: a field that nothing reads is a rule that does not do what its author
//! meant.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_saphyr::options::DuplicateKeyPolicy;

use crate::fault::Faults;

/// The most files.
pub const FILES_MAX: usize = 64;
/// The most bytes of a file.
pub const FILE_BYTES_MAX: usize = 512 * 1_024;
/// The deepest nesting of YAML.
const DEPTH_MAX: usize = 10;

/// The files by their paths below the overlay's directory.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A file as text.
pub(crate) fn text<'a>(files: &'a Files, file: &str, faults: &mut Faults) -> Option<&'a str> {
    let Some(bytes) = files.get(file) else {
        faults.add(file, "(file)", "is missing");
        return None;
    };
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(_) => {
            faults.add(file, "(file)", "is no text in UTF-8");
            None
        }
    }
}

/// A file as YAML.
pub(crate) fn yaml<T: DeserializeOwned>(files: &Files, file: &str, faults: &mut Faults) -> Option<T> {
    let text = text(files, file, faults)?;
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: DEPTH_MAX, max_aliases: 0, max_documents: 1 },
        duplicate_keys: DuplicateKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false,
    };
    let value: Value = match serde_saphyr::from_str_with_options(text, options) {
        Ok(value) => value,
        Err(error) => {
            faults.add(file, "(yaml)", error);
            return None;
        }
    };
    match serde_path_to_error::deserialize(value) {
        Ok(read) => Some(read),
        Err(error) => {
            let path = error.path().to_string();
            faults.add(file, if path == "." { "(file)".to_owned() } else { path }, error.inner());
            None
        }
    }
}

/// Whether a path stays below its directory and names a file that an overlay can have.
pub(crate) fn is_path(path: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && part.bytes().all(allowed);
    path.len() <= 128 && path.split('/').count() <= 2 && path.split('/').all(part)
}

/// Whether a text can stand on a page as it is: short, trimmed, without marks of any language.
pub(crate) fn is_plain(text: &str, bytes_max: usize) -> bool {
    let marked =
        |letter: char| letter.is_control() || "<>&{}\u{202a}\u{202b}\u{202d}\u{202e}\u{2066}\u{2067}".contains(letter);
    !text.is_empty() && text.len() <= bytes_max && text.trim() == text && !text.contains(marked)
}

/// Whether a text is an id such as `mining.limit.ramp`.
pub(crate) fn is_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    (1..=96).contains(&text.len()) && text.bytes().all(allowed)
}
