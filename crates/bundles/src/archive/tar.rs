//! Headers of `tar` (POSIX.1-1988 ustar): plain files with mode 0644 that belong to nobody and are as old as 1970.
//!
//! They are written here and not with the crate `tar`, because reading is stricter this way: a header is what this file would
//! have written for the same name and size, byte for byte, or it is refused. Links, devices, other types, extensions and
//! second spellings of a number have no way in.

/// The bytes of a block.
pub(super) const BLOCK: usize = 512;
/// An archive ends with two blocks of zeros.
pub(super) const END_BYTES: usize = 2 * BLOCK;
/// The most bytes of a file: what eleven octal digits count.
pub(super) const FILE_BYTES_MAX: u64 = 0o777_7777_7777;

const NAME: std::ops::Range<usize> = 0..100;
const SIZE: std::ops::Range<usize> = 124..136;
const PREFIX: std::ops::Range<usize> = 345..500;

/// A name that no file of an archive has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    #[error("the name is empty or has more than 200 bytes")]
    Length,
    #[error("the name holds something other than letters, digits, `.`, `_`, `-` and `/`")]
    Character,
    #[error("a part of the name is empty or begins with a dot or a hyphen")]
    Part,
    #[error("the name cannot be cut so that a header holds it")]
    Cut,
}

/// Checks a name. What it lets through names a file below the directory of the archive on every system.
pub(super) fn check_path(path: &str) -> Result<(), PathError> {
    if path.is_empty() || path.len() > 200 {
        return Err(PathError::Length);
    }
    if !path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte)) {
        return Err(PathError::Character);
    }
    // A leading hyphen would be read as an option by the programs of VERIFY.md, a leading dot hides a file or climbs.
    if path.split('/').any(|part| part.is_empty() || part.starts_with(['.', '-'])) {
        return Err(PathError::Part);
    }
    cut(path).map(|_| ())
}

/// Prefix and name as a header holds them.
fn cut(path: &str) -> Result<(&str, &str), PathError> {
    if path.len() <= NAME.len() {
        return Ok(("", path));
    }
    let cuts = path.match_indices('/').map(|(at, _)| (path.get(..at), path.get(at + 1..)));
    let parts = cuts.filter_map(|(prefix, name)| Some((prefix?, name?)));
    parts
        .into_iter()
        .find(|(prefix, name)| name.len() <= NAME.len() && prefix.len() <= PREFIX.len())
        .ok_or(PathError::Cut)
}

/// The header of a file.
pub(super) fn header(path: &str, bytes: u64) -> Result<[u8; BLOCK], PathError> {
    check_path(path)?;
    let (prefix, name) = cut(path)?;
    let mut block = [0; BLOCK];
    put(&mut block, NAME.start, name.as_bytes());
    put(&mut block, 100, b"0000644\x000000000\x000000000\0");
    put(&mut block, SIZE.start, format!("{:011o}\0", bytes.min(FILE_BYTES_MAX)).as_bytes());
    put(&mut block, 136, b"00000000000\0");
    // The checksum counts its own field as spaces.
    put(&mut block, 148, b"        0");
    put(&mut block, 257, b"ustar\x0000");
    put(&mut block, 329, b"0000000\x000000000\0");
    put(&mut block, PREFIX.start, prefix.as_bytes());
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    put(&mut block, 148, format!("{sum:06o}\0 ").as_bytes());
    Ok(block)
}

fn put(block: &mut [u8; BLOCK], at: usize, bytes: &[u8]) {
    block.iter_mut().skip(at).zip(bytes).for_each(|(to, from)| *to = *from);
}

/// Name and size of a header that [`header`] could have written.
pub(super) fn parse(block: &[u8; BLOCK]) -> Option<(String, u64)> {
    let text = |range: std::ops::Range<usize>| -> Option<&str> {
        let field = block.get(range)?;
        let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
        std::str::from_utf8(field.get(..end)?).ok()
    };
    let (prefix, name) = (text(PREFIX)?, text(NAME)?);
    let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
    let bytes = u64::from_str_radix(text(SIZE)?, 8).ok()?;
    let expected = header(&path, bytes).ok()?;
    (expected == *block).then_some((path, bytes))
}

/// The zeros that fill the last block of a file.
pub(super) fn padding(bytes: u64) -> usize {
    let rest = usize::try_from(bytes % BLOCK as u64).unwrap_or_default();
    if rest == 0 { 0 } else { BLOCK - rest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_comes_back_and_nothing_else_does() {
        let long = format!("{}/{}", "d".repeat(99), "n".repeat(100));
        for (path, bytes) in [("a", 0), ("events/00000000.ndjson", 511), (long.as_str(), FILE_BYTES_MAX)] {
            let block = header(path, bytes).unwrap();
            assert_eq!(parse(&block), Some((path.to_owned(), bytes)));
            for at in 0..BLOCK {
                let mut flipped = block;
                flipped[at] ^= 1;
                assert!(parse(&flipped).is_none(), "{path}: byte {at}");
            }
        }
    }

    #[test]
    fn names_that_climb_or_hide_or_look_like_options_are_refused() {
        for bad in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a//b",
            "a/",
            "./a",
            "-rf",
            "a/-b",
            "a\\b",
            "a b",
            "ä",
            "a\0",
            "C:x",
            ".x",
        ] {
            assert!(check_path(bad).is_err(), "{bad:?}");
        }
        assert_eq!(check_path(&"x".repeat(101)), Err(PathError::Cut));
        assert_eq!(check_path(&format!("a/{}", "x".repeat(199))), Err(PathError::Length));
    }
}
