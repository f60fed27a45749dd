//! Checks a bundle without a server: every file, the signature, and that every entry stands in the log.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use bundles::archive::Limits;
use bundles::verify::verify as verify_bundle;
use journal::{Checkpoint, Entry, Hash, NoteVerifier};
use keys::{Evidence, VerifyingKey};
use serde_json::{Value, json};

use super::output::{self, Format, cell, line};

/// The most bytes of the files that are looked into, each: a part of the events, a tile, a key.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// What of a bundle is looked into.
#[derive(Default)]
struct Contents {
    checkpoint: String,
    vkey: String,
    /// Index and leaf of each entry.
    leaves: Vec<(u64, Hash)>,
    tiles: BTreeMap<String, Vec<Hash>>,
}

impl Contents {
    fn take(&mut self, name: &str, bytes: &[u8]) -> std::io::Result<()> {
        let wrong = |what: &str| std::io::Error::other(format!("{name}: {what}"));
        match name {
            "checkpoint" => self.checkpoint = String::from_utf8(bytes.to_vec()).map_err(|_| wrong("is no text"))?,
            "keys/log.vkey" => {
                self.vkey = String::from_utf8(bytes.to_vec()).map_err(|_| wrong("is no text"))?.trim().to_owned();
            }
            _ if name.starts_with("events/") => {
                for entry in bytes.split(|byte| *byte == b'\n').filter(|entry| !entry.is_empty()) {
                    let entry: Value = serde_json::from_slice(entry).map_err(|_| wrong("is no JSON"))?;
                    let text = |field: &str| entry[field].as_str().ok_or_else(|| wrong("has an entry without text"));
                    let index = entry["index"].as_u64().ok_or_else(|| wrong("has an entry without a place"))?;
                    let data = [text("envelope")?, text("links")?].concat();
                    let entry = Entry::from_leaf_data(index, data.as_bytes());
                    self.leaves.push((index, entry.map_err(|_| wrong("has an entry that is none"))?.leaf));
                }
            }
            _ if name.starts_with("tile/") => {
                let hashes = bytes.as_chunks::<32>().0.iter().map(|bytes| Hash::from_bytes(*bytes)).collect();
                self.tiles.insert(name.to_owned(), hashes);
            }
            _ => {}
        }
        Ok(())
    }
}

/// Checks a bundle; says what was checked.
pub fn verify(format: Format, archive: &Path, key: &Path) -> Result<()> {
    let file = File::open(archive).with_context(|| format!("{} cannot be read", archive.display()))?;
    let key: VerifyingKey<Evidence> = super::ota_evidence::key_of(key)?;
    let mut contents = Contents::default();
    let signed = |_: &str, message: &[u8], signature: &[u8]| {
        signature.try_into().is_ok_and(|signature: [u8; 64]| key.verify(message, &signature).is_ok())
    };
    let verified = verify_bundle(file, &Limits::default(), signed, |name, bytes, file| {
        if bytes > FILE_BYTES_MAX {
            return Err(std::io::Error::other(format!("{name} has more than {FILE_BYTES_MAX} bytes")));
        }
        let mut whole = Vec::new();
        file.read_to_end(&mut whole)?;
        contents.take(name, &whole)
    })
    .map_err(|error| anyhow::anyhow!("{}: {error}", archive.display()))?;
    let (size, proven) = prove(&contents)?;
    let says = &verified.statement.predicate;
    ensure!(says["events"] == proven, "the statement is about {} entries, and {proven} are here", says["events"]);
    let verdict = json!({
        "bundle": says["bundle"], "tenant": says["tenant"], "complete": says["complete"], "entries_proven": proven,
        "log_size": size, "files": verified.contents.manifest.files.len(), "holds": true,
    });
    output::answer(format, &verdict, |verdict| {
        output::summary(&[
            ("BUNDLE", cell(verdict, "/bundle")),
            ("TENANT", cell(verdict, "/tenant")),
            ("COMPLETE", cell(verdict, "/complete")),
            ("FILES", cell(verdict, "/files")),
            ("ENTRIES PROVEN", cell(verdict, "/entries_proven")),
            ("LOG SIZE", cell(verdict, "/log_size")),
        ]);
        line("every file, signature and proof holds");
    });
    Ok(())
}

/// Every entry is under the head that the log's key signed.
fn prove(contents: &Contents) -> Result<(u64, usize)> {
    let verifier: NoteVerifier = contents.vkey.parse().context("the log's key has another form")?;
    let head =
        Checkpoint::open(&contents.checkpoint, &verifier).context("the head of the log is not signed by its key")?;
    let tree = bundles::tiles::Tree::of(head.size, *head.root.as_bytes(), |name| {
        contents.tiles.get(name).map(|hashes| hashes.iter().map(|hash| *hash.as_bytes()).collect())
    });
    let mut tree = tree.context("the tiles do not give the root of the signed head")?;
    for (index, leaf) in &contents.leaves {
        ensure!(tree.has(*index, *leaf.as_bytes()), "entry {index} is not in the log");
    }
    Ok((head.size, contents.leaves.len()))
}
