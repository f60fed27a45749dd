//! The named places of an invented site, and draws among them.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::Draws;
use crate::demo::city::Place;

/// How far around its middle a place reaches, in metres.
const RADIUS_M: f64 = 40.0;

/// A place that people of a site have a name for.
#[derive(Debug, Clone)]
pub struct Named {
    pub kind: &'static str,
    pub name: &'static str,
    pub at: Place,
}

/// A site's places.
#[derive(Debug)]
pub struct Places {
    all: Vec<Named>,
    pub draws: Draws,
}

impl Places {
    /// Reads them from CSV: kind, name, lat, lon.
    pub fn read(csv: &'static str) -> Result<Self> {
        let read = |line: &'static str| {
            let mut fields = line.split(',');
            let (kind, name) = (fields.next()?, fields.next()?);
            let at = Place { lat: fields.next()?.parse().ok()?, lon: fields.next()?.parse().ok()? };
            Some(Named { kind, name, at })
        };
        let named = |line| read(line).with_context(|| format!("`{line}` is no place of the demo's site"));
        let all = csv.lines().skip(1).map(named).collect::<Result<Vec<_>>>()?;
        ensure!(!all.is_empty(), "the demo's site has no places");
        Ok(Self { all, draws: Draws::new() })
    }

    /// All of them, as they are told to the server.
    pub fn to_json(&self, site: &str, kind_of: impl Fn(&Named) -> &'static str) -> Vec<Value> {
        let told = |named: &Named| json!({ "site": site, "name": named.name, "kind": kind_of(named), "at": named.at.to_json(), "radius_m": RADIUS_M });
        self.all.iter().map(told).collect()
    }

    /// The place of a number, all of them in turn.
    pub fn in_turn(&self, n: usize) -> Place {
        self.all[n % self.all.len()].at
    }

    /// The first place of a kind.
    pub fn first(&self, kind: &str) -> Place {
        self.of(&[kind]).next().map_or(self.all[0].at, |named| named.at)
    }

    pub fn of<'a>(&'a self, kinds: &'a [&str]) -> impl Iterator<Item = &'a Named> {
        self.all.iter().filter(|named| kinds.contains(&named.kind))
    }

    /// A place of one of the kinds; the n-th draw is the same in each run.
    pub fn one(&mut self, kinds: &[&str]) -> Place {
        let found: Vec<Place> = self.of(kinds).map(|named| named.at).collect();
        if found.is_empty() { self.all[0].at } else { found[self.draws.below(found.len())] }
    }

    /// Two places, the second of them another than the first.
    pub fn pair(&mut self, from: &[&str], to: &[&str]) -> (Place, Place) {
        let start = self.one(from);
        let others: Vec<Place> = self.of(to).map(|named| named.at).filter(|at| *at != start).collect();
        let end = if others.is_empty() { self.all[0].at } else { others[self.draws.below(others.len())] };
        (start, end)
    }
}
