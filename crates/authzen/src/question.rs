//! What is asked: one evaluation, or many with defaults.

use serde_json::{Map, Value};

use crate::EVALUATIONS_MAX;
use crate::read::{Reader, Refusal, member};

/// What somebody says of a thing; the point of decision judges what it is worth.
pub type Properties = Map<String, Value>;

/// A subject or a resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    /// Its type.
    pub kind: String,
    /// Its id, which is unique within the type.
    pub id: String,
    /// What is said of it.
    pub properties: Properties,
}

impl Entity {
    /// A thing of which nothing is said.
    pub fn new(kind: impl Into<String>, id: impl Into<String>) -> Self {
        Self { kind: kind.into(), id: id.into(), properties: Properties::new() }
    }

    pub(crate) fn read(reader: &mut Reader, value: &Value, at: &str) -> Option<Self> {
        let object = reader.object(value, at)?;
        let (kind, id) = (reader.text(object, "type", at), reader.text(object, "id", at));
        let properties = reader.optional_object(object, "properties", at);
        Some(Self { kind: kind?, id: id?, properties })
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// Its name.
    pub name: String,
    /// What is said of it.
    pub properties: Properties,
}

impl Action {
    /// An action of which nothing is said.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), properties: Properties::new() }
    }

    pub(crate) fn read(reader: &mut Reader, value: &Value, at: &str) -> Option<Self> {
        let object = reader.object(value, at)?;
        let name = reader.text(object, "name", at);
        let properties = reader.optional_object(object, "properties", at);
        Some(Self { name: name?, properties })
    }
}

/// May the subject do this to the resource?
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Who.
    pub subject: Entity,
    /// What.
    pub action: Action,
    /// To which thing.
    pub resource: Entity,
    /// Under which circumstances, as the caller says.
    pub context: Properties,
}

impl Evaluation {
    /// The body of `POST /access/v1/evaluation`.
    ///
    /// # Errors
    /// Everything that is missing or of a wrong type.
    pub fn read(body: &Value) -> Result<Self, Refusal> {
        let mut reader = Reader::default();
        let evaluation = reader.object(body, "").and_then(|object| {
            let subject = reader.needed(object, "subject", "");
            let subject = subject.and_then(|value| Entity::read(&mut reader, value, "/subject"));
            let action = reader.needed(object, "action", "");
            let action = action.and_then(|value| Action::read(&mut reader, value, "/action"));
            let resource = reader.needed(object, "resource", "");
            let resource = resource.and_then(|value| Entity::read(&mut reader, value, "/resource"));
            let context = reader.optional_object(object, "context", "");
            Some(Self { subject: subject?, action: action?, resource: resource?, context })
        });
        reader.end(evaluation)
    }
}

/// How far a batch goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Semantic {
    /// To its end.
    #[default]
    ExecuteAll,
    /// To the first denial, which is the last answer.
    DenyOnFirstDeny,
    /// To the first permission, which is the last answer.
    PermitOnFirstPermit,
}

impl Semantic {
    /// Every one with its name.
    pub const NAMES: [(&'static str, Self); 3] = [
        ("execute_all", Self::ExecuteAll),
        ("deny_on_first_deny", Self::DenyOnFirstDeny),
        ("permit_on_first_permit", Self::PermitOnFirstPermit),
    ];

    /// Whether a batch ends with an answer.
    pub fn ends_with(self, decision: bool) -> bool {
        match self {
            Self::ExecuteAll => false,
            Self::DenyOnFirstDeny => !decision,
            Self::PermitOnFirstPermit => decision,
        }
    }
}

/// An item of a batch: a fault in one denies that one, and no other.
pub type Item = Result<Evaluation, Refusal>;

/// The body of `POST /access/v1/evaluations`.
#[derive(Debug, Clone, PartialEq)]
pub enum Evaluations {
    /// It has no items: it is one evaluation.
    One(Box<Evaluation>),
    /// It has items, each with what it left out from the defaults.
    Many(Vec<Item>, Semantic),
}

/// What items are read with.
struct Defaults<'v>(&'v Map<String, Value>);

impl Defaults<'_> {
    /// An item with the defaults for whole members that it leaves out: nothing within a member is merged.
    fn complete(&self, item: &Value) -> Item {
        let Some(own) = item.as_object() else { return Err(Refusal::of("/", "must be an object")) };
        let mut whole = Map::new();
        for name in ["subject", "action", "resource", "context"] {
            if let Some(value) = member(own, name).or_else(|| member(self.0, name)) {
                whole.insert(name.into(), value.clone());
            }
        }
        Evaluation::read(&Value::Object(whole))
    }

    /// The defaults themselves may be wrong, which is no fault of one item.
    fn check(&self, reader: &mut Reader) {
        if let Some(subject) = member(self.0, "subject") {
            Entity::read(reader, subject, "/subject");
        }
        if let Some(action) = member(self.0, "action") {
            Action::read(reader, action, "/action");
        }
        if let Some(resource) = member(self.0, "resource") {
            Entity::read(reader, resource, "/resource");
        }
        reader.optional_object(self.0, "context", "");
    }
}

impl Evaluations {
    /// # Errors
    /// What is wrong with the whole: its defaults, its options, too many items.
    pub fn read(body: &Value) -> Result<Self, Refusal> {
        let mut reader = Reader::default();
        let Some(object) = reader.object(body, "") else { return reader.end(None) };
        let semantic = semantic(&mut reader, object);
        let items = match member(object, "evaluations") {
            None => None,
            Some(Value::Array(items)) if items.len() <= EVALUATIONS_MAX => {
                Some(items).filter(|items| !items.is_empty())
            }
            Some(Value::Array(_)) => {
                reader.fault("/evaluations", &format!("must have at most {EVALUATIONS_MAX} items"));
                None
            }
            Some(_) => {
                reader.fault("/evaluations", "must be a list");
                None
            }
        };
        let Some(items) = items else {
            let semantic = reader.end(semantic);
            return semantic.and_then(|_| Evaluation::read(body).map(|one| Self::One(Box::new(one))));
        };
        let defaults = Defaults(object);
        defaults.check(&mut reader);
        let items = items.iter().map(|item| defaults.complete(item)).collect();
        reader.end(semantic.map(|semantic| Self::Many(items, semantic)))
    }
}

fn semantic(reader: &mut Reader, of: &Map<String, Value>) -> Option<Semantic> {
    let options = reader.optional_object(of, "options", "");
    let Some(named) = member(&options, "evaluations_semantic") else { return Some(Semantic::default()) };
    let known = Semantic::NAMES.iter().find(|(name, _)| named.as_str() == Some(name));
    if known.is_none() {
        let names = Semantic::NAMES.map(|(name, _)| name).join(", ");
        reader.fault("/options/evaluations_semantic", &format!("must be one of {names}"));
    }
    known.map(|(_, semantic)| *semantic)
}
