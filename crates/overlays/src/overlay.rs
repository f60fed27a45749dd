//! An overlay: everything that a sector brings, read and checked as a whole.

use std::collections::BTreeSet;

use entitlements::Catalogue;
use flags::FlagSet;

use crate::fault::{Fault, Faults};
use crate::files::{Files, text};
use crate::limits::{self, Limits, LimitsFile};
use crate::manifest::{MANIFEST, Manifest, digest_of, read as read_manifest};
use crate::parameters::{self, Parameters};
use crate::policies::{self, PolicyFile};
use crate::required::{Clause, Signal, clauses, needed, signals};
use crate::terms::{self, Terms};
use crate::ui::{self, Ui};

/// An overlay.
#[derive(Debug, Clone, PartialEq)]
pub struct Overlay {
    pub manifest: Manifest,
    /// SHA-256 of the manifest, which has the digests of all other files.
    pub digest: String,
    pub policies: Vec<PolicyFile>,
    pub limits: Limits,
    /// The rules that keep those of the limits that a rule can keep, as Cedar.
    limit_rules: String,
    pub parameters: Parameters,
    pub terms: Terms,
    pub ui: Ui,
    pub logo: String,
    pub flags: FlagSet,
    pub signals: Vec<Signal>,
    pub clauses: Vec<Clause>,
    /// Features without which the overlay is not activated.
    pub requires: BTreeSet<String>,
    /// Features that work in addition.
    pub uses: BTreeSet<String>,
}

impl Overlay {
    /// Reads an overlay from its files, by their paths below its directory.
    ///
    /// # Errors
    /// Everything that is wrong, by file and field.
    pub fn read(files: &Files) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::default();
        let Some(manifest) = read_manifest(files, &mut faults) else { return Err(sorted(faults)) };
        let owner = manifest.sector.as_str();
        let policies = policies::read(files, owner, &mut faults);
        let LimitsFile { limits, ids: limit_ids, rules: limit_rules } = limits::read(files, owner, &mut faults);
        let known: BTreeSet<String> =
            policies.iter().flat_map(|file| file.rules.iter().cloned()).chain(limit_ids).collect();
        let parameters = parameters::read(files, &mut faults);
        let terms = terms::read(files, &mut faults);
        let (ui, logo) = ui::read(files, &mut faults);
        let flags = text(files, "flags.json", &mut faults)
            .and_then(|text| FlagSet::parse(text).map_err(|error| faults.add("flags.json", "(flags)", error)).ok());
        let signals = signals(files, &mut faults);
        let clauses = clauses(files, &known, &mut faults);
        let needed = needed(files, &mut faults);
        let digest = files.get(MANIFEST).map(|bytes| digest_of(bytes)).unwrap_or_default();
        let (requires, uses) = (needed.requires, needed.uses);
        match flags {
            Some(flags) if faults.0.is_empty() => Ok(Self {
                manifest,
                digest,
                policies,
                limits,
                limit_rules,
                parameters,
                terms,
                ui,
                logo,
                flags,
                signals,
                clauses,
                requires,
                uses,
            }),
            _ => Err(sorted(faults)),
        }
    }

    /// The rules with the names under which a bundle of the policy engine takes them.
    #[must_use]
    pub fn policy_sources(&self) -> Vec<(String, &str)> {
        let name = |file: &PolicyFile| format!("sectors/{}/overlay-{}.cedar", self.manifest.sector, file.name);
        let limits = (format!("sectors/{}/overlay-limits.cedar", self.manifest.sector), self.limit_rules.as_str());
        let written = self.policies.iter().map(|file| (name(file), file.text.as_str()));
        written.chain(Some(limits).filter(|(_, text)| !text.is_empty())).collect()
    }

    /// What the overlay needs and the catalogue or the day does not give: features that nobody sells for this sector, and flags
    /// that lack their class or have outlived their date.
    #[must_use]
    pub fn faults_with(&self, catalogue: &Catalogue, today: &str) -> Vec<Fault> {
        let sector = self.manifest.sector.as_str();
        let sold = |id: &str| {
            catalogue.feature(id).is_some_and(|feature| feature.sectors.is_empty() || feature.sectors.contains(sector))
        };
        let unsold = self.requires.iter().chain(&self.uses).filter(|id| !sold(id));
        let unsold =
            unsold.map(|id| Fault::new("entitlements.yaml", id, "is no feature of the catalogue for this sector"));
        let flags = self.flags.faults(today).into_iter();
        let flags = flags.map(|fault| {
            Fault::new("flags.json", format!("flags.{}.metadata.{}", fault.flag, fault.field), fault.reason)
        });
        unsold.chain(flags).collect()
    }
}

fn sorted(faults: Faults) -> Vec<Fault> {
    let mut faults = faults.0;
    faults.sort();
    faults.dedup();
    faults
}
