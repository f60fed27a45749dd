//! Groups as short texts, and ids by digest.

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::limits::KEPT_BYTES_MAX;
use crate::record::Record;

/// Stands between the values of a group; a value that holds it gets a space instead.
const BETWEEN: char = '\u{1f}';
/// The field that stands for the rule that a record matched, for correlations of many rules.
pub(crate) const RULE_FIELD: &str = "_rule";

/// 128 bits of SHA-256 as two numbers, which every format of a snapshot can hold.
pub(crate) type Id = [u64; 2];

pub(crate) fn digest(parts: &[&str]) -> Id {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    let mut words = hasher.finalize().chunks_exact(8).map(word).collect::<Vec<u64>>().into_iter();
    [words.next().unwrap_or(0), words.next().unwrap_or(0)]
}

fn word(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

pub(crate) fn hex(id: Id) -> String {
    let [high, low] = id;
    format!("{high:016x}{low:016x}")
}

/// The value as a group keeps it. Long values are cut, and the digest keeps them apart.
pub(crate) fn kept(value: &str) -> String {
    let value = if value.contains(BETWEEN) { value.replace(BETWEEN, " ") } else { value.to_owned() };
    if value.len() <= KEPT_BYTES_MAX {
        return value;
    }
    let mut end = KEPT_BYTES_MAX - 40;
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…{}", value.get(..end).unwrap_or_default(), hex(digest(&[&value])))
}

/// The group of a record, where it has all fields.
pub(crate) fn of_record(fields: &[String], record: &Record, rule: &str) -> Option<Arc<str>> {
    let mut key = String::new();
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            key.push(BETWEEN);
        }
        if field == RULE_FIELD {
            key.push_str(rule);
        } else {
            key.push_str(&kept(&record.field(field)?.text()?));
        }
    }
    Some(key.into())
}

/// The named values of a group.
pub(crate) fn named(fields: &[String], key: &str) -> BTreeMap<String, String> {
    if fields.is_empty() {
        return BTreeMap::new();
    }
    fields.iter().cloned().zip(key.split(BETWEEN).map(str::to_owned)).collect()
}

/// The part of a group that a correlation over correlations groups by.
pub(crate) fn narrowed(from: &[String], key: &str, to: &[String]) -> Option<Arc<str>> {
    let named = named(from, key);
    let values: Option<Vec<&str>> = to.iter().map(|field| named.get(field).map(String::as_str)).collect();
    Some(values?.join(&BETWEEN.to_string()).into())
}
