//! Makes a bundle of as many events as are asked for, verifies it and says how long each took; with a directory, what was
//! made is left there for other programs: `figures 10000 out`.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods, reason = "a tool for the desk")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::convert::Infallible;
use std::time::Instant;

use bundles::Sha256Digest;
use bundles::archive::{Limits, Writer};
use bundles::compliance::Assessor;
use bundles::statement::{self, EVIDENCE_BUNDLE, Statement};
use common::{Key, NOW_MS, event, mapping};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let count: u64 = arguments.next().unwrap_or_default().parse().unwrap_or(10_000);
    let key = Key::new(1);
    let mapping = mapping();

    let start = Instant::now();
    let mut assessor = Assessor::new(&mapping, NOW_MS);
    (0..count).for_each(|index| assessor.push(&event(index, count)).unwrap());
    println!("assessed {count} events in {:?}, {} clauses", start.elapsed(), assessor.finish().len());

    let start = Instant::now();
    let named: usize = (0..count).map(|index| mapping.classify(&event(index, count)).len()).sum();
    println!("classified {count} events in {:?}, {named} clauses named", start.elapsed());

    let start = Instant::now();
    let mut writer = Writer::new(Vec::new()).unwrap();
    let lines = (0..count).map(|index| {
        let mut line = serde_json::to_value(event(index, count)).unwrap();
        // Half of what real entries are is digests, which no compression makes smaller.
        for name in ["previous", "bundle", "leaf"] {
            line[name] = Sha256Digest::of(format!("{name}{index}").as_bytes()).to_string().into();
        }
        Ok::<_, Infallible>((index, line))
    });
    writer.add_events("events", lines).unwrap();
    let sealed = writer.seal().unwrap();
    let bytes: u64 = sealed.manifest.files.iter().map(|file| file.bytes).sum();
    let about =
        Statement::about("manifest.json", sealed.digest, EVIDENCE_BUNDLE, serde_json::json!({"complete": true}));
    let text = statement::sign(&about, &key).unwrap().text().unwrap();
    let archive = sealed.finish(Some(text.as_bytes())).unwrap();
    println!("packed {bytes} bytes into {} in {:?}", archive.len(), start.elapsed());

    let start = Instant::now();
    let signed_by = |_: &str, message: &[u8], signature: &[u8]| key.verifies(message, signature);
    bundles::verify::verify(archive.as_slice(), &Limits::default(), signed_by, |_, _, _| Ok(())).unwrap();
    println!("verified in {:?}", start.elapsed());
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default());

    if let Some(directory) = arguments.next() {
        let events: Vec<_> = (0..count).map(|index| event(index, count)).collect();
        std::fs::write(format!("{directory}/bundle.tar.zst"), common::bundle(&events, &key)).unwrap();
        std::fs::write(format!("{directory}/key.der"), key.spki()).unwrap();
    }
}
