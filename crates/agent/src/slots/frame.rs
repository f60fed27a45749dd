//! How a record lies on the disk: its length, its sequence number, a checksum over number and body, and the body, which
//! is JSON, so that a person can read a broken vehicle's journal.

use serde::Serialize;
use serde::de::DeserializeOwned;

const HEADER_BYTES: usize = 16;
/// The longest body: an update with the most chunks takes somewhat more than half of it.
const BODY_BYTES_MAX: usize = 8 << 20;

const CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

/// CRC-32C (Castagnoli), as ext4, Btrfs and iSCSI use it.
fn crc32c(parts: [&[u8]; 2]) -> u32 {
    let bytes = parts.into_iter().flatten();
    // The index is a byte, and the table has an entry for every byte.
    !bytes.fold(u32::MAX, |crc, byte| CRC_TABLE[usize::from(crc as u8 ^ byte)] ^ (crc >> 8))
}

/// The bytes of a record.
pub(crate) fn encode<T: Serialize>(seq: u64, record: &T) -> std::io::Result<Vec<u8>> {
    let body = serde_json::to_vec(record)?;
    let seq = seq.to_le_bytes();
    let mut frame = Vec::with_capacity(HEADER_BYTES + body.len());
    frame.extend_from_slice(&(body.len() as u32).to_le_bytes());
    frame.extend_from_slice(&seq);
    frame.extend_from_slice(&crc32c([&seq, &body]).to_le_bytes());
    frame.extend_from_slice(&body);
    Ok(frame)
}

/// The first record of `bytes`, its sequence number, and what follows; `None` where it is not whole.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<(u64, T, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (seq, rest) = rest.split_first_chunk::<8>()?;
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok().filter(|length| *length <= BODY_BYTES_MAX)?;
    let (body, rest) = rest.split_at_checked(length)?;
    if crc32c([seq, body]) != u32::from_le_bytes(*crc) {
        return None;
    }
    Some((u64::from_le_bytes(*seq), serde_json::from_slice(body).ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::crc32c;

    #[test]
    fn the_checksum_is_castagnoli() {
        assert_eq!(crc32c([b"12345", b"6789"]), 0xe306_9283);
    }
}
