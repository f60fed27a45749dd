//! What can be asked, and which acts need no asking. Each domain declares its own actions.

use serde::{Serialize, Serializer};

/// An act that policy is asked about, by its name in policies and in the journal, such as `trip.request`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Action {
    name: &'static str,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    Decided,
    Monitored,
    Restrictive,
}

impl Action {
    /// An act that happens only if the rules permit it. The schema declares its resource and its facts.
    pub const fn decided(name: &'static str) -> Self {
        Self { name, kind: Kind::Decided }
    }

    /// A check of what is under way already: a rule that forbids it must say what follows, by `@response`.
    pub const fn monitored(name: &'static str) -> Self {
        Self { name, kind: Kind::Monitored }
    }

    /// An act that can only reduce risk. It is allowed whatever policy, facts or bundle say (SAFE-1): a caller may ask,
    /// so that the journal shows a decision, and the answer is always yes. The schema must not declare it, so that no
    /// rule can name it.
    pub const fn restrictive(name: &'static str) -> Self {
        Self { name, kind: Kind::Restrictive }
    }

    /// The name in policies and in the journal.
    pub const fn as_str(self) -> &'static str {
        self.name
    }

    /// Whether the act can only reduce risk.
    pub fn is_restrictive(self) -> bool {
        self.kind == Kind::Restrictive
    }

    /// Whether it is a check of what is under way.
    pub fn is_monitored(self) -> bool {
        self.kind == Kind::Monitored
    }
}

impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl Serialize for Action {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}
