//! Personal data never enters the journal. An event's body holds a commitment, the value and its salt live in an
//! erasable table beside it, and a loaded event shows one of two things: the value, or that it was erased.

use serde::{Deserialize, Serialize};

/// A personal value of an event, as it is after loading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Personal<T> {
    /// The value is still kept.
    Present(T),
    /// The value was erased; the commitment in the journal remains.
    Erased,
}

/// The bytes whose SHA-256 is the commitment of a personal value: tag ‖ field ‖ salt ‖ value, each length-prefixed
/// (u32, big endian) so that no two inputs give the same bytes.
pub fn commitment_preimage(field: &str, salt: &[u8; 32], value: &[u8]) -> Vec<u8> {
    let parts: [&[u8]; 4] = [b"atlasmesh/personal/v1", field.as_bytes(), salt, value];
    parts
        .iter()
        .flat_map(|part| {
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            length.to_be_bytes().into_iter().chain(part.iter().copied())
        })
        .collect()
}
