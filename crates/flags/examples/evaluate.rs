//! How long one evaluation takes in process: `cargo run --release -p flags --example evaluate`. The aim is 20 µs.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "an example")]

use std::hint::black_box;
use std::time::Instant;

use flags::{Context, FlagSet, Layers};
use serde_json::json;

const ROUNDS: u32 = 100_000;

fn main() {
    let text = json!({
        "$evaluators": {"isPilotSite": {"in": [{"var": "site"}, ["s1", "s2", "s3", "s4"]]}},
        "flags": {"route.optimizer": {
            "state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off",
            "targeting": {"if": [
                {"and": [{"$ref": "isPilotSite"}, {"sem_ver": [{"var": "agent"}, ">=", "2.1.0"]}]},
                {"fractional": [["on", 10], ["off", 90]]},
                null
            ]},
            "metadata": {"class": "release", "owner": "routing", "expires": "2027-01-31"}
        }}
    });
    let set = FlagSet::parse(&text.to_string()).unwrap();
    let layers = Layers::new([("sector:mining", &set)]).unwrap();
    let context = Context::from_client(Some(json!({"targetingKey": "veh-1", "site": "s4", "agent": "2.4.0"}))).unwrap();
    let mut each = Vec::new();
    for round in 0..ROUNDS {
        let begun = Instant::now();
        black_box(layers.evaluate("route.optimizer", black_box(&context), i64::from(round)));
        each.push(begun.elapsed());
    }
    each.sort_unstable();
    let at = |share: usize| each.get(each.len() * share / 100).copied().unwrap_or_default();
    println!("evaluation: p50 {:?}, p99 {:?} of {ROUNDS}", at(50), at(99));
}
