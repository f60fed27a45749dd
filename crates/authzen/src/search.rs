//! What is searched: everything of a kind that an evaluation would permit.

use serde_json::{Map, Value};

use crate::question::{Action, Entity, Evaluation, Properties};
use crate::read::{Reader, Refusal, member};
use crate::{EVALUATIONS_MAX, PAGE_LIMIT};

/// What is wanted, and the rest of the evaluation.
#[derive(Debug, Clone, PartialEq)]
pub enum Wanted {
    /// Who may do it; only the type of a subject is known.
    Subjects {
        /// Their type, with an empty id.
        like: Entity,
        /// What they may do.
        action: Action,
        /// To which thing.
        resource: Entity,
    },
    /// To what it may be done.
    Resources {
        /// Who may.
        subject: Entity,
        /// What.
        action: Action,
        /// Their type, with an empty id.
        like: Entity,
    },
    /// What may be done.
    Actions {
        /// Who may.
        subject: Entity,
        /// To which thing.
        resource: Entity,
    },
}

/// Which part of what was found is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Where the page before ended; empty for the first.
    pub token: String,
    /// Results at most.
    pub limit: Option<usize>,
}

impl Page {
    /// How many results it has at most.
    pub fn limit(&self) -> usize {
        self.limit.unwrap_or(PAGE_LIMIT).min(EVALUATIONS_MAX)
    }
}

/// A search.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// What is wanted.
    pub wanted: Wanted,
    /// Under which circumstances, as the caller says.
    pub context: Properties,
    /// Which page, where the caller asked in pages.
    pub page: Option<Page>,
}

/// A type without an id; one that is there is ignored, as the specification says.
fn like(reader: &mut Reader, value: &Value, at: &str) -> Option<Entity> {
    let object = reader.object(value, at)?;
    let kind = reader.text(object, "type", at);
    let properties = reader.optional_object(object, "properties", at);
    Some(Entity { kind: kind?, id: String::new(), properties })
}

fn page(reader: &mut Reader, of: &Map<String, Value>) -> Option<Page> {
    let object = reader.object(member(of, "page")?, "/page")?;
    let token = member(object, "token").map(Value::as_str);
    if token == Some(None) {
        reader.fault("/page/token", "must be a string");
    }
    let limit = member(object, "limit").map(Value::as_u64);
    let limit = limit.map(|limit| limit.filter(|limit| *limit > 0).and_then(|limit| usize::try_from(limit).ok()));
    if limit == Some(None) {
        reader.fault("/page/limit", "must be a whole number above 0");
    }
    reader.optional_object(object, "properties", "/page");
    Some(Page { token: token.flatten().unwrap_or_default().to_owned(), limit: limit.flatten() })
}

impl Search {
    fn read(
        body: &Value,
        wanted: impl FnOnce(&mut Reader, &Map<String, Value>) -> Option<Wanted>,
    ) -> Result<Self, Refusal> {
        let mut reader = Reader::default();
        let search = reader.object(body, "").and_then(|object| {
            let wanted = wanted(&mut reader, object);
            let context = reader.optional_object(object, "context", "");
            let page = page(&mut reader, object);
            Some(Self { wanted: wanted?, context, page })
        });
        reader.end(search)
    }

    /// The body of `POST /access/v1/search/subject`.
    ///
    /// # Errors
    /// Everything that is missing or of a wrong type; likewise of the other two.
    pub fn of_subjects(body: &Value) -> Result<Self, Refusal> {
        Self::read(body, |reader, of| {
            let found = reader.needed(of, "subject", "").and_then(|value| like(reader, value, "/subject"));
            let action = reader.needed(of, "action", "").and_then(|value| Action::read(reader, value, "/action"));
            let resource = reader.needed(of, "resource", "");
            let resource = resource.and_then(|value| Entity::read(reader, value, "/resource"));
            Some(Wanted::Subjects { like: found?, action: action?, resource: resource? })
        })
    }

    /// The body of `POST /access/v1/search/resource`.
    ///
    /// # Errors
    /// See [`Search::of_subjects`].
    pub fn of_resources(body: &Value) -> Result<Self, Refusal> {
        Self::read(body, |reader, of| {
            let subject = reader.needed(of, "subject", "");
            let subject = subject.and_then(|value| Entity::read(reader, value, "/subject"));
            let action = reader.needed(of, "action", "").and_then(|value| Action::read(reader, value, "/action"));
            let found = reader.needed(of, "resource", "").and_then(|value| like(reader, value, "/resource"));
            Some(Wanted::Resources { subject: subject?, action: action?, like: found? })
        })
    }

    /// The body of `POST /access/v1/search/action`.
    ///
    /// # Errors
    /// See [`Search::of_subjects`].
    pub fn of_actions(body: &Value) -> Result<Self, Refusal> {
        Self::read(body, |reader, of| {
            let subject = reader.needed(of, "subject", "");
            let subject = subject.and_then(|value| Entity::read(reader, value, "/subject"));
            let resource = reader.needed(of, "resource", "");
            let resource = resource.and_then(|value| Entity::read(reader, value, "/resource"));
            Some(Wanted::Actions { subject: subject?, resource: resource? })
        })
    }

    /// Behind which candidate the search goes on; `None` for its beginning.
    pub fn after(&self) -> Option<&str> {
        self.page.as_ref().map(|page| page.token.as_str()).filter(|token| !token.is_empty())
    }

    /// The evaluation that says whether a candidate is one of the results.
    pub fn evaluation(&self, candidate: &str) -> Evaluation {
        let named = |like: &Entity| Entity { id: candidate.into(), ..like.clone() };
        let (subject, action, resource) = match &self.wanted {
            Wanted::Subjects { like, action, resource } => (named(like), action.clone(), resource.clone()),
            Wanted::Resources { subject, action, like } => (subject.clone(), action.clone(), named(like)),
            Wanted::Actions { subject, resource } => (subject.clone(), Action::new(candidate), resource.clone()),
        };
        Evaluation { subject, action, resource, context: self.context.clone() }
    }
}
