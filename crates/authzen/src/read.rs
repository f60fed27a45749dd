//! Reading bodies: every fault is named by its JSON pointer, and what nobody asked for is passed over.

use serde_json::{Map, Value};

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where, as a JSON pointer (RFC 6901); `/` for the whole body.
    pub pointer: String,
    /// What, as the end of a sentence that begins with the field.
    pub message: String,
}

/// Why a request is not answered at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct Refusal {
    /// Everything that is wrong, in the order of reading.
    pub faults: Vec<Fault>,
}

impl Refusal {
    /// A refusal with one fault.
    pub fn of(pointer: &str, message: impl Into<String>) -> Self {
        Self { faults: vec![Fault { pointer: pointer.into(), message: message.into() }] }
    }

    fn sentence(&self) -> String {
        let sentences = self.faults.iter().map(|fault| format!("{} {}", fault.pointer, fault.message));
        sentences.collect::<Vec<_>>().join("; ")
    }
}

/// Whether a request says that its body is JSON. One that says nothing does not.
pub fn is_json(content_type: Option<&str>) -> bool {
    let named = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
    named.trim().eq_ignore_ascii_case("application/json")
}

/// The JSON of a body, for servers that have no reader of their own.
///
/// # Errors
/// The content type is another, the body is empty or no JSON.
pub fn read(content_type: Option<&str>, bytes: &[u8]) -> Result<Value, Refusal> {
    if !is_json(content_type) {
        return Err(Refusal::of("/", "must be sent as `Content-Type: application/json`"));
    }
    serde_json::from_slice(bytes).map_err(|error| Refusal::of("/", format!("is no JSON: {error}")))
}

/// Collects faults while it reads, so that one answer names all of them.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    faults: Vec<Fault>,
}

impl Reader {
    pub(crate) fn fault(&mut self, pointer: &str, message: &str) {
        let pointer = if pointer.is_empty() { "/" } else { pointer };
        self.faults.push(Fault { pointer: pointer.into(), message: message.into() });
    }

    /// The value if nothing was wrong.
    pub(crate) fn end<T>(self, value: Option<T>) -> Result<T, Refusal> {
        match value {
            Some(value) if self.faults.is_empty() => Ok(value),
            _ => Err(Refusal { faults: self.faults }),
        }
    }

    pub(crate) fn object<'v>(&mut self, value: &'v Value, at: &str) -> Option<&'v Map<String, Value>> {
        let object = value.as_object();
        if object.is_none() {
            self.fault(at, "must be an object");
        }
        object
    }

    /// A member that must be there.
    pub(crate) fn needed<'v>(&mut self, of: &'v Map<String, Value>, name: &str, at: &str) -> Option<&'v Value> {
        let value = member(of, name);
        if value.is_none() {
            self.fault(&format!("{at}/{name}"), "is missing");
        }
        value
    }

    pub(crate) fn text(&mut self, of: &Map<String, Value>, name: &str, at: &str) -> Option<String> {
        let value = self.needed(of, name, at)?;
        let text = value.as_str().map(str::to_owned);
        if text.is_none() {
            self.fault(&format!("{at}/{name}"), "must be a string");
        }
        text
    }

    /// An object that may be left out; nothing is an empty one.
    pub(crate) fn optional_object(&mut self, of: &Map<String, Value>, name: &str, at: &str) -> Map<String, Value> {
        let Some(value) = member(of, name) else { return Map::new() };
        self.object(value, &format!("{at}/{name}")).cloned().unwrap_or_default()
    }
}

/// A member that says something: `null` says nothing.
pub(crate) fn member<'v>(of: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    of.get(name).filter(|value| !value.is_null())
}
