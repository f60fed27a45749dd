//! `atlasmesh print WHAT`: what the documentation is generated from, so that it cannot disagree with the code.

use anyhow::{Result, bail};
use clap::Args;
use gateway::http::openapi;

use crate::cli::args::{PrintOptions, ServeOptions};
use crate::cli::output::line;

/// Prints one of the generated texts.
pub fn run(options: PrintOptions) -> Result<()> {
    match options.what.as_str() {
        "states" => line(trips::trip::state_table_markdown().trim_end()),
        "events" => events(),
        "roles" => line(openapi::roles_markdown().trim_end()),
        "operations" => line(openapi::operations_markdown().trim_end()),
        "shapes" => line(openapi::shapes_markdown().map_err(anyhow::Error::msg)?.trim_end()),
        "openapi" => {
            let document = openapi::document().map_err(anyhow::Error::msg)?;
            line(serde_json::to_string_pretty(&document)?);
        }
        "serve-options" => serve_options(),
        other => {
            bail!(
                "nothing named {other} is generated: states, events, operations, roles, shapes, serve-options or openapi"
            )
        }
    }
    Ok(())
}

fn serve_options() {
    let serve = ServeOptions::augment_args(clap::Command::new("serve"));
    line("| option | without it | what |\n|---|---|---|");
    for option in serve.get_arguments() {
        let values: Vec<_> = option.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
        let without = if values.is_empty() { String::new() } else { format!("`{}`", values.join(" ")) };
        let what = option.get_help().map(ToString::to_string).unwrap_or_default();
        line(format!("| `--{}` | {without} | {what} |", option.get_long().unwrap_or_default()));
    }
}

fn events() {
    line("| domain | event | version |\n|---|---|---|");
    for domain in gateway::DOMAINS {
        for (event, version) in domain.aggregates.iter().flat_map(|aggregate| (aggregate.events)()) {
            line(format!("| {} | `{event}` | {version} |", domain.name));
        }
    }
}
