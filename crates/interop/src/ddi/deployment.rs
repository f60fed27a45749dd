//! The answer to `GET /deploymentBase/{id}` and `GET /installedBase/{id}`: what to install, and how hard.

use serde::{Serialize, Serializer};

/// A deployment. All of it is public to the controller that asks; nothing of it is trusted by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    /// The id of the action, positive.
    pub id: i32,
    /// Whether to download.
    pub download: Handling,
    /// Whether to install. [`Handling::Skip`] outside a maintenance window; SWUpdate then claims success without having
    /// installed anything, so withhold the deployment from it.
    pub update: Handling,
    /// The state of the maintenance window, where there is one.
    pub window: Option<Window>,
    /// The software modules. rauc-hawkbit reads the first one only, and rauc-hawkbit-updater insists on exactly one.
    pub chunks: Vec<Chunk>,
    /// What the server has heard of the action; said only when the controller asked with `actionHistory=n`, n > 0.
    pub history: Option<History>,
}

/// How hard a step is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Handling {
    /// At once: hawkBit's action type `forced`.
    Forced,
    /// When it suits: `soft`.
    Attempt,
    /// Not now: `download-only`, or the window is closed.
    Skip,
}

/// Whether the maintenance window is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Window {
    /// It is open.
    Available,
    /// It is closed.
    Unavailable,
}

/// One software module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Chunk {
    /// The key of its type; see [`part`].
    pub part: String,
    /// Its version.
    pub version: String,
    /// Its name.
    pub name: String,
    /// Whether its artifacts are encrypted; said only if so.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub encrypted: bool,
    /// Its files.
    pub artifacts: Vec<Artifact>,
    /// What else there is to know: DDI's extension point. Left out when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<Metadata>,
}

/// The `part` of a module type: hawkBit's own types `application` and `runtime` have other names in DDI.
pub fn part(module_type: &str) -> &str {
    match module_type {
        "application" => "bApp",
        "runtime" => "jvm",
        other => other,
    }
}

/// A fact about a chunk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Metadata {
    /// Its name.
    pub key: String,
    /// What it says.
    pub value: String,
}

/// One file. All three hashes are compulsory in the form, because clients fail without: SWUpdate wants `sha1`,
/// rauc-hawkbit `md5`, hawkbit-rs all of them. MD5 and SHA-1 protect nobody; what is installed is decided by signed
/// metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The name of the file, without folders.
    pub filename: String,
    /// Its SHA-1 in lower-case hexadecimal.
    pub sha1: String,
    /// Its MD5 in lower-case hexadecimal.
    pub md5: String,
    /// Its SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    /// Its size in bytes. hawkbit-rs reads 32 bits only.
    pub size: u64,
    /// Absolute URLs where it is, one a scheme. They must stay as they are while the action lives: SWUpdate resumes
    /// without `If-Range`. An `http` URL becomes `download-http`, any other `download`; the first of each counts.
    pub urls: Vec<String>,
}

/// What the server has heard of an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct History {
    /// The state of the action in hawkBit's words, such as `RUNNING`.
    pub status: String,
    /// The messages, newest first.
    pub messages: Vec<String>,
}

impl Deployment {
    /// The answer as a JSON value.
    pub fn json(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The `c` of its link: changes with what and how hard is asked for, not with history or with URLs that are signed
    /// anew. FNV-1a over the fields, so it is the same on every server and after every start.
    pub fn revision(&self) -> i32 {
        let mut hash = 0x811c_9dc5_u32;
        let mut add = |field: &str| {
            for byte in field.bytes().chain([0xff]) {
                hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
            }
        };
        add(&format!("{} {:?} {:?} {:?}", self.id, self.download, self.update, self.window));
        for chunk in &self.chunks {
            [&chunk.part, &chunk.version, &chunk.name].into_iter().for_each(|field| add(field));
            for artifact in &chunk.artifacts {
                [&artifact.filename, &artifact.sha256].into_iter().for_each(|field| add(field));
            }
        }
        hash.cast_signed()
    }
}

impl Serialize for Deployment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { download, update, window, chunks, .. } = self;
        let deployment = Inner { download: *download, update: *update, maintenance_window: *window, chunks };
        Body { id: self.id.to_string(), deployment, action_history: self.history.as_ref() }.serialize(serializer)
    }
}

impl Serialize for Artifact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let of_scheme = |plain: bool| self.urls.iter().find(|url| is_plain(url) == plain);
        let (download, download_http) = (of_scheme(false), of_scheme(true));
        let sum = |url: Option<&String>| url.map(|url| Link { href: md5sum_url(url) });
        let link = |url: Option<&String>| url.map(|url| Link { href: url.clone() });
        let body = ArtifactBody {
            filename: &self.filename,
            hashes: Hashes { sha1: &self.sha1, md5: &self.md5, sha256: &self.sha256 },
            size: self.size,
            links: Links {
                download: link(download),
                md5sum: sum(download),
                download_http: link(download_http),
                md5sum_http: sum(download_http),
            },
        };
        body.serialize(serializer)
    }
}

/// Whether a URL has no TLS.
fn is_plain(url: &str) -> bool {
    url.split_once("://").is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case("http"))
}

/// Where the MD5 of a file is: `.MD5SUM` after its path, before the query.
pub fn md5sum_url(url: &str) -> String {
    match url.split_once('?') {
        Some((path, query)) => format!("{path}.MD5SUM?{query}"),
        None => format!("{url}.MD5SUM"),
    }
}

/// What stands in an `.MD5SUM` file: the digest, two spaces and the name, as md5sum(1) reads it.
pub fn md5sum(artifact: &Artifact) -> String {
    format!("{}  {}", artifact.md5, artifact.filename)
}

#[derive(Serialize)]
struct Body<'a> {
    id: String,
    deployment: Inner<'a>,
    #[serde(rename = "actionHistory", skip_serializing_if = "Option::is_none")]
    action_history: Option<&'a History>,
}

#[derive(Serialize)]
struct Inner<'a> {
    download: Handling,
    update: Handling,
    #[serde(rename = "maintenanceWindow", skip_serializing_if = "Option::is_none")]
    maintenance_window: Option<Window>,
    chunks: &'a [Chunk],
}

#[derive(Serialize)]
struct ArtifactBody<'a> {
    filename: &'a str,
    hashes: Hashes<'a>,
    size: u64,
    #[serde(rename = "_links")]
    links: Links,
}

#[derive(Serialize)]
struct Hashes<'a> {
    sha1: &'a str,
    md5: &'a str,
    sha256: &'a str,
}

#[derive(Serialize)]
struct Links {
    #[serde(skip_serializing_if = "Option::is_none")]
    download: Option<Link>,
    #[serde(skip_serializing_if = "Option::is_none")]
    md5sum: Option<Link>,
    #[serde(rename = "download-http", skip_serializing_if = "Option::is_none")]
    download_http: Option<Link>,
    #[serde(rename = "md5sum-http", skip_serializing_if = "Option::is_none")]
    md5sum_http: Option<Link>,
}

#[derive(Serialize)]
struct Link {
    href: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn deployment() -> Deployment {
        let artifact = Artifact {
            filename: "a.swu".into(),
            sha1: "0a".repeat(20),
            md5: "0b".repeat(16),
            sha256: "0c".repeat(32),
            size: 13,
            urls: vec!["https://ota.example/dl/a.swu".into(), "HTTP://ota.example/dl/a.swu".into()],
        };
        let chunk = Chunk {
            part: part("os").into(),
            version: "1.0.79".into(),
            name: "fw".into(),
            encrypted: true,
            artifacts: vec![artifact],
            metadata: vec![Metadata { key: "k".into(), value: "v".into() }],
        };
        Deployment {
            id: 8,
            download: Handling::Forced,
            update: Handling::Skip,
            window: Some(Window::Unavailable),
            chunks: vec![chunk],
            history: Some(History { status: "RUNNING".into(), messages: vec!["newest first".into()] }),
        }
    }

    /// The body of hawkBit, with the places of the hashes filled.
    fn golden() -> Value {
        let body = r#"{"id":"8","deployment":{"download":"forced","update":"skip","maintenanceWindow":"unavailable","chunks":[
            {"part":"os","version":"1.0.79","name":"fw","encrypted":true,"artifacts":[{"filename":"a.swu",
            "hashes":{"sha1":"SHA1","md5":"MD5","sha256":"SHA2"},"size":13,"_links":{
            "download":{"href":"https://ota.example/dl/a.swu"},"md5sum":{"href":"https://ota.example/dl/a.swu.MD5SUM"},
            "download-http":{"href":"HTTP://ota.example/dl/a.swu"},
            "md5sum-http":{"href":"HTTP://ota.example/dl/a.swu.MD5SUM"}}}],"metadata":[{"key":"k","value":"v"}]}]},
            "actionHistory":{"status":"RUNNING","messages":["newest first"]}}"#;
        let hashes = [("SHA1", "0a".repeat(20)), ("MD5", "0b".repeat(16)), ("SHA2", "0c".repeat(32))];
        let mut body = body.to_string();
        for (place, hash) in hashes {
            body = body.replace(&format!("\"{place}\""), &format!("\"{hash}\""));
        }
        serde_json::from_str(&body).unwrap()
    }

    #[test]
    fn the_full_form_is_hawkbits() {
        assert_eq!(deployment().json(), golden());
    }

    #[test]
    fn what_is_not_there_is_left_out() {
        let mut least = Deployment { window: None, history: None, update: Handling::Attempt, ..deployment() };
        for chunk in &mut least.chunks {
            (chunk.encrypted, chunk.metadata) = (false, vec![]);
            chunk.artifacts.iter_mut().for_each(|artifact| artifact.urls.truncate(1));
        }
        let json = least.json();
        assert_eq!(json["deployment"]["update"], "attempt");
        assert_eq!((json.get("actionHistory"), json["deployment"].get("maintenanceWindow")), (None, None));
        let chunk = &json["deployment"]["chunks"][0];
        assert_eq!((chunk.get("encrypted"), chunk.get("metadata")), (None, None));
        let links = chunk["artifacts"][0]["_links"].as_object().unwrap();
        assert_eq!(links.keys().collect::<Vec<_>>(), ["download", "md5sum"]);
        least.chunks[0].artifacts[0].urls.clear();
        assert_eq!(least.json()["deployment"]["chunks"][0]["artifacts"][0]["_links"], json!({}));
    }

    #[test]
    fn the_revision_follows_the_wish_and_not_the_url() {
        let before = deployment();
        let mut same = Deployment { history: None, ..before.clone() };
        same.chunks[0].artifacts[0].urls = vec!["https://ota.example/dl/a.swu?exp=2".into()];
        assert_eq!(before.revision(), same.revision());
        let mut other_file = before.clone();
        other_file.chunks[0].artifacts[0].sha256 = "ff".repeat(32);
        let forced = Deployment { update: Handling::Forced, ..before.clone() };
        let opened = Deployment { window: Some(Window::Available), ..before.clone() };
        for changed in [other_file, forced, opened, Deployment { id: 9, ..before.clone() }] {
            assert_ne!(changed.revision(), before.revision());
        }
    }

    #[test]
    fn names_of_types_and_sums() {
        assert_eq!(["application", "runtime", "os"].map(part), ["bApp", "jvm", "os"]);
        assert_eq!(md5sum_url("https://h/dl/a.swu?exp=1&sig=x"), "https://h/dl/a.swu.MD5SUM?exp=1&sig=x");
        let sum = md5sum(&deployment().chunks[0].artifacts[0]);
        assert_eq!(sum, format!("{}  a.swu", "0b".repeat(16)));
    }
}
