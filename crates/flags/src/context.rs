//! What a flag is asked with. A client sends some of it, the server puts the rest over it, so that nobody reaches another
//! tenant's rules by naming it.

use serde_json::{Map, Value};

use crate::json::depth_of;

/// The largest context, in bytes of canonical JSON.
pub const CONTEXT_BYTES_MAX: usize = 64 * 1_024;
/// The deepest context.
pub const CONTEXT_DEPTH_MAX: usize = 16;
/// The member that the evaluation itself fills.
pub(crate) const OWN: &str = "$flagd";

/// A context that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ContextError {
    #[error("the context is no object")]
    NotAnObject,
    #[error("the context is nested deeper than {CONTEXT_DEPTH_MAX} levels")]
    TooDeep,
    #[error("the context has more than {CONTEXT_BYTES_MAX} bytes")]
    TooLarge,
}

/// What a flag is asked with: attributes of who asks, checked for size.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Context {
    members: Map<String, Value>,
}

impl Context {
    /// The context that a client sent; none and `null` are an empty one. What it says of `$flagd` is dropped.
    ///
    /// # Errors
    /// [`ContextError`].
    pub fn from_client(sent: Option<Value>) -> Result<Self, ContextError> {
        let mut members = match sent {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(members)) => members,
            Some(_) => return Err(ContextError::NotAnObject),
        };
        members.remove(OWN);
        if members.values().any(|value| depth_of(value) >= CONTEXT_DEPTH_MAX) {
            return Err(ContextError::TooDeep);
        }
        let context = Self { members };
        if context.canonical().len() > CONTEXT_BYTES_MAX {
            return Err(ContextError::TooLarge);
        }
        Ok(context)
    }

    /// The same context with a member that the server knows better than the client: tenant, sector, site, tier.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// The one who is asked for, where it is named.
    #[must_use]
    pub fn targeting_key(&self) -> Option<&str> {
        self.members.get("targetingKey")?.as_str().filter(|key| !key.is_empty())
    }

    pub(crate) fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// The canonical JSON (RFC 8785), over which digests are made.
    pub(crate) fn canonical(&self) -> Vec<u8> {
        // Values of JSON always have a canonical text.
        serde_json_canonicalizer::to_vec(&self.members).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_server_has_the_last_word() {
        let sent = json!({"tenant": "another", "$flagd": {"timestamp": 1}, "targetingKey": "v1"});
        let context = Context::from_client(Some(sent)).unwrap().with("tenant", "north");
        assert_eq!(context.members().get("tenant"), Some(&json!("north")));
        assert_eq!(context.members().get(OWN), None);
        assert_eq!(context.targeting_key(), Some("v1"));
        assert_eq!(Context::from_client(None).unwrap().targeting_key(), None);
    }

    #[test]
    fn a_hostile_context_is_refused() {
        assert_eq!(Context::from_client(Some(json!([]))), Err(ContextError::NotAnObject));
        let deep = (0..CONTEXT_DEPTH_MAX).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(Context::from_client(Some(json!({ "deep": deep }))), Err(ContextError::TooDeep));
        let large = "x".repeat(CONTEXT_BYTES_MAX);
        assert_eq!(Context::from_client(Some(json!({ "large": large }))), Err(ContextError::TooLarge));
    }
}
