//! UUIDs from content (RFC 9562, version 5), so that the same document gets the same ids wherever and whenever it is made.

use sha1::{Digest, Sha1};

/// The namespace of URLs (RFC 9562 §6.6); what this crate names are URLs under `https://atlasmesh.io/evidence`.
pub(crate) const NAMESPACE: [u8; 16] =
    [0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8];

/// The UUID of parts. Each part is preceded by its length, so that no two lists of parts give one text.
pub(crate) fn of_parts(parts: &[&str]) -> String {
    let name: String = parts.iter().map(|part| format!("{}:{part}", part.len())).collect();
    v5(&NAMESPACE, &format!("https://atlasmesh.io/evidence#{name}"))
}

/// The version 5 UUID of a name.
fn v5(namespace: &[u8; 16], name: &str) -> String {
    let hash = Sha1::new_with_prefix(namespace).chain_update(name).finalize();
    let mut bytes: [u8; 16] = [0; 16];
    bytes.iter_mut().zip(hash).for_each(|(byte, of_hash)| *byte = of_hash);
    let value = u128::from_be_bytes(bytes);
    let value = value & !(0xf << 76) | (5 << 76);
    let value = value & !(0b11 << 62) | (0b10 << 62);
    let hex = format!("{value:032x}");
    let cuts = [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)];
    let groups: Vec<&str> = cuts.iter().filter_map(|&(from, to)| hex.get(from..to)).collect();
    groups.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_uuid_of_other_programs() {
        // Python: uuid.uuid5(uuid.NAMESPACE_URL, 'https://example.com')
        assert_eq!(v5(&NAMESPACE, "https://example.com"), "4fd35a71-71ef-5a55-a9d9-aa75c889a6d0");
        assert_ne!(of_parts(&["a", "bc"]), of_parts(&["ab", "c"]));
    }
}
