//! Lists of the API: pages are followed until there is as much as was asked for.

use anyhow::Result;
use serde_json::{Value, json};

use super::client::Client;
use super::output::{self, Format};

/// The most that one page of the API has.
const PAGE_MAX: u64 = 1_000;

/// A list, and where its pages begin.
#[derive(Debug)]
pub struct List<'a> {
    path: &'a str,
    filters: Vec<(&'a str, String)>,
    /// The parameter that says where a page begins.
    cursor: &'a str,
    from: Option<String>,
}

/// As much of a list as was asked for.
#[derive(Debug)]
pub struct Listed {
    /// As a page of the API.
    pub page: Value,
    has_more: bool,
}

impl<'a> List<'a> {
    pub fn of(path: &'a str) -> Self {
        Self { path, filters: Vec::new(), cursor: "after", from: None }
    }

    pub fn filter(mut self, name: &'a str, value: Option<String>) -> Self {
        self.filters.extend(value.map(|value| (name, value)));
        self
    }

    /// A list that begins at `from`, which its parameter `cursor` names.
    pub fn begins(self, cursor: &'a str, from: String) -> Self {
        Self { cursor, from: Some(from), ..self }
    }

    /// The first `limit` of the list.
    pub async fn first(self, client: &Client, limit: u64) -> Result<Listed> {
        let (mut items, mut from) = (Vec::new(), self.from.clone());
        loop {
            let missing = limit.saturating_sub(items.len() as u64);
            let mut page = self.page(client, from.as_deref(), missing.clamp(1, PAGE_MAX)).await?;
            let found = page["items"].as_array_mut().map(std::mem::take).unwrap_or_default();
            if missing == 0 {
                return Ok(Listed { page: json!({ "items": items, "next": from }), has_more: !found.is_empty() });
            }
            let ended = found.is_empty();
            items.extend(found);
            if ended || page["next"].is_null() {
                let next = from.filter(|_| ended);
                return Ok(Listed { page: json!({ "items": items, "next": next }), has_more: false });
            }
            from = Some(output::text(&page, "/next"));
        }
    }

    async fn page(&self, client: &Client, from: Option<&str>, limit: u64) -> Result<Value> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(&self.filters).append_pair("limit", &limit.to_string());
        if let Some(from) = from {
            query.append_pair(self.cursor, from);
        }
        client.get(&format!("{}?{}", self.path, query.finish())).await
    }
}

impl Listed {
    /// The first `limit` of a list that the API answers as a whole.
    pub fn of_whole(mut page: Value, limit: u64) -> Self {
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let items = page["items"].as_array_mut();
        let has_more = items.as_ref().is_some_and(|items| items.len() > most);
        items.into_iter().for_each(|items| items.truncate(most));
        Self { page, has_more }
    }

    pub fn print(&self, format: Format, human: impl FnOnce(&Value)) {
        output::answer(format, &self.page, human);
        if self.has_more {
            output::note("more: use --limit");
        }
    }
}
