//! Which logs are known, and how many of which witnesses must have cosigned a head (C2SP tlog-policy): a text that offline
//! verifiers of transparency logs read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use journal::{Checkpoint, JournalError, NoteVerifier};

use crate::{Cosignature, WitnessError, WitnessVerifier};

/// The largest policy that is read.
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// The most lines of each kind that are read; the format asks for at least 32.
const LINES_MAX: usize = 64;
/// What a quorum line says that asks for no witness.
const NONE: &str = "none";

/// Witnesses or groups of which a number must have cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// How many of its members at least.
    pub threshold: usize,
    /// Names of witnesses and of groups before it.
    pub members: Vec<String>,
}

/// Logs, witnesses and the rule. Made by adding lines, each of which may name only what stands before it.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    logs: Vec<NoteVerifier>,
    witnesses: Vec<(String, WitnessVerifier)>,
    groups: Vec<(String, Group)>,
    quorum: Option<String>,
}

/// A head that fulfils a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quorum {
    /// The head.
    pub head: Checkpoint,
    /// Every cosignature of a known witness under it.
    pub cosignatures: Vec<Cosignature>,
}

impl Policy {
    /// The policy of one log and of witnesses of whom a number must have cosigned, each under its own name.
    ///
    /// # Errors
    /// [`WitnessError::Policy`] for a number that is not between 1 and that of the witnesses, and for a key that is there
    /// twice.
    pub fn of(
        logs: impl IntoIterator<Item = NoteVerifier>,
        witnesses: impl IntoIterator<Item = WitnessVerifier>,
        threshold: usize,
    ) -> Result<Self, WitnessError> {
        let at = |what| WitnessError::Policy { line: 0, what };
        let mut policy = Self::default();
        for log in logs {
            policy.add_log(log).map_err(at)?;
        }
        let mut members = Vec::new();
        for witness in witnesses {
            members.push(witness.name().to_owned());
            policy.add_witness(witness.name().to_owned(), witness).map_err(at)?;
        }
        policy.add_group("quorum-of-witnesses".into(), Group { threshold, members }).map_err(at)?;
        policy.set_quorum("quorum-of-witnesses").map_err(at)?;
        Ok(policy)
    }

    fn is_defined(&self, name: &str) -> bool {
        self.witnesses.iter().any(|(known, _)| known == name) || self.groups.iter().any(|(known, _)| known == name)
    }

    fn check_new(&self, name: &str) -> Result<(), &'static str> {
        match name == NONE || name.is_empty() || self.is_defined(name) {
            true => Err("a name is there twice, or is `none`"),
            false => Ok(()),
        }
    }

    fn add_log(&mut self, log: NoteVerifier) -> Result<(), &'static str> {
        if self.logs.len() >= LINES_MAX {
            return Err("it has more than 64 logs");
        }
        self.logs.push(log);
        Ok(())
    }

    fn add_witness(&mut self, name: String, witness: WitnessVerifier) -> Result<(), &'static str> {
        self.check_new(&name)?;
        if self.witnesses.len() >= LINES_MAX {
            return Err("it has more than 64 witnesses");
        }
        if self.witnesses.iter().any(|(_, known)| known.key() == witness.key()) {
            return Err("a witness's key is there twice");
        }
        self.witnesses.push((name, witness));
        Ok(())
    }

    fn add_group(&mut self, name: String, group: Group) -> Result<(), &'static str> {
        self.check_new(&name)?;
        if self.groups.len() >= LINES_MAX {
            return Err("it has more than 64 groups");
        }
        if !(1..=group.members.len()).contains(&group.threshold) {
            return Err("a group's number is not between 1 and that of its members");
        }
        let mut used: BTreeSet<&str> =
            self.groups.iter().flat_map(|(_, known)| known.members.iter().map(String::as_str)).collect();
        for member in &group.members {
            if !self.is_defined(member) {
                return Err("a member of a group is not defined before it");
            }
            if !used.insert(member) {
                return Err("a name is a member twice");
            }
        }
        self.groups.push((name, group));
        Ok(())
    }

    fn set_quorum(&mut self, name: &str) -> Result<(), &'static str> {
        if self.quorum.is_some() {
            return Err("it has two quorums");
        }
        if name != NONE && !self.is_defined(name) {
            return Err("the quorum is not defined before it");
        }
        self.quorum = Some(name.into());
        Ok(())
    }

    /// Checks that a known log signed a note and that enough witnesses cosigned it.
    ///
    /// # Errors
    /// [`WitnessError::Journal`] for a note that no log of the policy signed, [`WitnessError::Cosignature`] for a false
    /// one; `Ok(None)` where too few have cosigned.
    pub fn check(&self, note: &str) -> Result<Option<Quorum>, WitnessError> {
        let mut head = None;
        let mut unsigned = None;
        for log in &self.logs {
            match Checkpoint::open(note, log) {
                Ok(found) => head = Some(found),
                Err(error @ (JournalError::OtherLog { .. } | JournalError::NotSigned { .. })) => unsigned = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        let unknown = || unsigned.unwrap_or(JournalError::NotSigned { name: "any log of the policy".into() });
        let head = head.ok_or_else(unknown)?;
        let mut cosignatures = Vec::new();
        let mut vouches = BTreeMap::new();
        for (name, witness) in &self.witnesses {
            let cosignature = witness.check(note)?;
            vouches.insert(name.as_str(), cosignature.is_some());
            cosignatures.extend(cosignature);
        }
        for (name, group) in &self.groups {
            let so_far = group.members.iter().filter(|member| vouches.get(member.as_str()) == Some(&true)).count();
            vouches.insert(name, so_far >= group.threshold);
        }
        let is_enough =
            self.quorum.as_deref().is_some_and(|quorum| quorum == NONE || vouches.get(quorum) == Some(&true));
        Ok(is_enough.then_some(Quorum { head, cosignatures }))
    }
}

/// The text of the file.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for vkey in self.logs.iter().flat_map(NoteVerifier::vkeys) {
            writeln!(f, "log {vkey}")?;
        }
        for (name, witness) in &self.witnesses {
            writeln!(f, "witness {name} {}", witness.vkey())?;
        }
        for (name, group) in &self.groups {
            writeln!(f, "group {name} {} {}", group.threshold, group.members.join(" "))?;
        }
        writeln!(f, "quorum {}", self.quorum.as_deref().unwrap_or(NONE))
    }
}

impl FromStr for Policy {
    type Err = WitnessError;

    fn from_str(text: &str) -> Result<Self, WitnessError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(WitnessError::Policy { line: 0, what: "it is larger than 64 KiB" });
        }
        let mut policy = Self::default();
        for (n, line) in text.split('\n').enumerate() {
            policy.take(line).map_err(|what| WitnessError::Policy { line: n + 1, what })?;
        }
        match policy.quorum {
            Some(_) => Ok(policy),
            None => Err(WitnessError::Policy { line: text.split('\n').count(), what: "it has no quorum" }),
        }
    }
}

impl Policy {
    fn take(&mut self, line: &str) -> Result<(), &'static str> {
        if line.chars().any(|c| c.is_control() && c != '\t') {
            return Err("it has control characters");
        }
        let words: Vec<&str> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
        match words.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with('#') => Ok(()),
            ["log", vkey] | ["log", vkey, _] => self.add_log(vkey.parse().map_err(|_| "the key of a log is none")?),
            ["witness", name, vkey] | ["witness", name, vkey, _] => {
                self.add_witness((*name).into(), vkey.parse().map_err(|_| "the key of a witness is none")?)
            }
            ["group", name, number, members @ ..] => {
                let threshold = match *number {
                    "any" => 1,
                    "all" => members.len(),
                    number => number.parse().map_err(|_| "a group needs `any`, `all` or a number")?,
                };
                let members = members.iter().map(|&member| member.to_owned()).collect();
                self.add_group((*name).into(), Group { threshold, members })
            }
            ["quorum", name] => self.set_quorum(name),
            _ => Err("it is neither a log, a witness, a group nor a quorum"),
        }
    }
}
