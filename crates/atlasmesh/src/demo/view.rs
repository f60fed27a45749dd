//! The live fleet in a terminal, drawn anew each second.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use serde_json::Value;

use super::play::{Play, short};
use crate::cli::output::text;

/// Lines that a view takes beside the vehicles.
const OTHER_LINES: usize = 14;
/// Lines of a terminal that does not tell how many it has.
const LINES_DEFAULT: usize = 40;

const HIDE_CURSOR_AND_CLEAR: &str = "\x1b[?25l\x1b[2J";
const HOME: &str = "\x1b[H";
const REST_OF_LINE: &str = "\x1b[K\r\n";
const REST_OF_SCREEN: &str = "\x1b[J";
const SHOW_CURSOR: &str = "\x1b[?25h";

/// A terminal that shows the fleet; it is as it was before once this goes.
#[derive(Debug)]
pub struct View {
    /// Where the lines to try are.
    tries: PathBuf,
}

impl View {
    /// Takes the terminal, if there is one.
    pub fn open(tries: PathBuf) -> Option<Self> {
        io::stdout().is_terminal().then(|| {
            put(HIDE_CURSOR_AND_CLEAR);
            Self { tries }
        })
    }

    pub fn draw(&self, seconds: u64, vehicles: &Value, play: &Play) {
        let lines = std::env::var("LINES").ok().and_then(|lines| lines.parse().ok()).unwrap_or(LINES_DEFAULT);
        let mut drawn = lines_of(seconds, vehicles, play, lines);
        drawn.push(format!("what to try, and where to look: cat {}", self.tries.display()));
        let drawn = drawn.join(REST_OF_LINE);
        put(&format!("{HOME}{drawn}{REST_OF_LINE}{REST_OF_SCREEN}"));
    }
}

impl Drop for View {
    fn drop(&mut self) {
        put(SHOW_CURSOR);
    }
}

fn put(text: &str) {
    let mut out = io::stdout().lock();
    // A terminal that went away shows nothing, and nobody is there to be told.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn lines_of(seconds: u64, vehicles: &Value, play: &Play, screen: usize) -> Vec<String> {
    let items = vehicles.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let states: Vec<String> = play.by_status().iter().map(|(status, count)| format!("{count} {status}")).collect();
    let mut lines = vec![
        format!("AtlasMesh Fleet OS   {}   {seconds} s   simulated   (Ctrl-C ends)", play.tenant()),
        format!("trips: {}", if states.is_empty() { "none yet".to_owned() } else { states.join(", ") }),
        String::new(),
        format!(
            "{:<10}{:<10}{:>7}  {:<10}{:<16}{:>11}{:>12}",
            "VEHICLE", "STATUS", "BATTERY", "TRIP", "IS", "LAT", "LON"
        ),
    ];
    let shown = items.len().min(screen.saturating_sub(OTHER_LINES).max(1));
    lines.extend(items.iter().take(shown).map(|vehicle| row(vehicle, play)));
    if shown < items.len() {
        lines.push(format!("… and {} more", items.len() - shown));
    }
    lines.push(String::new());
    lines.extend(play.news.iter().cloned());
    lines
}

fn row(vehicle: &Value, play: &Play) -> String {
    let trip = vehicle.pointer("/claim/trip").and_then(Value::as_str).unwrap_or_default();
    let number = |pointer: &str, digits: usize| match vehicle.pointer(pointer).and_then(Value::as_f64) {
        Some(number) => format!("{number:.digits$}"),
        None => "-".into(),
    };
    format!(
        "{:<10}{:<10}{:>6}%  {:<10}{:<16}{:>11}{:>12}",
        text(vehicle, "/name"),
        text(vehicle, "/status"),
        number("/seen/battery_pct", 1),
        if trip.is_empty() { "-" } else { short(trip) },
        play.status(trip),
        number("/seen/position/lat", 5),
        number("/seen/position/lon", 5),
    )
}
