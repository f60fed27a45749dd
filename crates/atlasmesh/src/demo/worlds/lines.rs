//! What can be tried in the invented sites: the lines that each of them has, in its sector's words.

use anyhow::{Context, Result};

use super::Facts;
use crate::demo::city::Place;
use crate::demo::folder::DemoFolder;
use crate::demo::setup::{PASSWORD, people_text};

/// Where the demo that prints lines stands.
pub struct Stand<'a> {
    pub folder: &'a DemoFolder,
    pub url: &'a str,
    pub link: &'a str,
    pub token: &'a str,
    pub vehicles: usize,
    /// Whether the sector's own work was begun.
    pub sector: bool,
}

/// What differs between the invented sites.
pub struct Words<'a> {
    /// What its people call trips.
    pub trips: &'a str,
    /// What its people call asking for one.
    pub ask: &'a str,
    /// A trip that is possible, as arguments of `trips create`.
    pub wish: &'a str,
    /// One that the sector's own rules refuse.
    pub refused: &'a str,
    /// The sector's own work, as title and command.
    pub work: &'a [(&'a str, String)],
}

/// The two ends of a trip as arguments.
pub fn ends(from: Place, to: Place) -> String {
    format!("--from={},{} --to={},{}", from.lat, from.lon, to.lat, to.lon)
}

/// A request of the API as a command.
pub fn curl(method: &str, path: &str, body: Option<&str>) -> String {
    let auth = "-H \"authorization: Bearer $ATLASMESH_TOKEN\"";
    let body = body.map_or(String::new(), |body| format!(" -H 'content-type: application/json' -d {body}"));
    format!("curl -sSf -X {method} \"$ATLASMESH_URL{path}\" {auth}{body}")
}

/// The id of the newest item of a list, as a shell variable.
pub fn newest(variable: &str, path: &str) -> String {
    let list = curl("GET", path, None);
    format!("{variable}=\"$({list} | grep -o '\"id\": *\"{variable}_[^\"]*\"' | head -n 1 | cut -d '\"' -f 4)\"")
}

/// The line that every world begins with.
pub fn exports(stand: &Stand<'_>) -> Result<String> {
    let program = std::env::current_exe().context("this program cannot be found")?;
    let programs = program.parent().context("this program is in no folder")?.display().to_string();
    let Stand { url, token, .. } = stand;
    Ok(format!("  export PATH=\"{programs}:$PATH\" ATLASMESH_URL={url} ATLASMESH_TOKEN={token}"))
}

/// The demo's folder as a shell takes it.
pub fn data(folder: &DemoFolder) -> String {
    folder.path("").display().to_string().trim_end_matches('/').to_owned()
}

/// The whole text, numbered.
pub fn of(stand: &Stand<'_>, facts: &Facts, words: &Words<'_>) -> Result<Vec<String>> {
    let Facts { sector, tenant, site, .. } = facts;
    let Words { trips, ask, wish, refused, work } = words;
    let (url, token, data) = (stand.url, stand.token, data(stand.folder));
    let why =
        "atlasmesh trips why \"$(atlasmesh trips list --status COMPLETED --limit 1 | tail -n 1 | cut -d ' ' -f 1)\"";
    let mut numbered = vec![
        ("look".to_owned(), format!("{url}/#token={token}")),
        (format!("see {trips}"), "atlasmesh trips list --limit 10".into()),
        ((*ask).to_owned(), format!("atlasmesh trips create --site {site} {wish}")),
        ("be refused".into(), format!("atlasmesh trips create --site {site} {refused}")),
        ("find out why".into(), why.into()),
    ];
    if stand.sector {
        numbered.extend(work.iter().map(|(title, command)| ((*title).to_owned(), command.clone())));
        numbered.push(("what else is sold".into(), curl("GET", "/v1/sectors", None)));
    }
    numbered.push(("verify it all".into(), "atlasmesh verify --replay".into()));
    let mut lines = vec![String::new(), "Try this, in another terminal:".into(), exports(stand)?];
    for (n, (title, command)) in numbered.into_iter().enumerate() {
        lines.push(format!("{:<18} {command}", format!("{} {title}:", n + 1)));
        if n == 0 {
            let people = people_text();
            lines
                .push(format!("  or sign in:      {url}  organisation {tenant}, password \"{PASSWORD}\", as {people}"));
        }
    }
    lines.push(format!(
        "  Ctrl-C ends the demo; `cargo xtask demo --sector {sector}` goes on where it stood; `rm -r {data}` removes it"
    ));
    lines.push(String::new());
    Ok(lines)
}
