//! `atlasmesh roles`: who may do what, from the table that the server asks.

use anyhow::{Context, Result};
use gateway::http::endpoint::Access;
use gateway::http::endpoints;
use kernel::{Permission, Role};
use serde_json::{Value, json};

use super::{Session, output};

/// The mark of a role that may.
const MAY: &str = "●";

pub fn run(session: &Session, role: Option<&str>) -> Result<()> {
    let role = role.map(known).transpose()?;
    let shown: Vec<Role> = role.map_or_else(|| Role::ALL.to_vec(), |role| vec![role]);
    let permitted = |permission: Permission| shown.iter().copied().filter(move |role| permission.permits(*role));
    let of_tenants = endpoints().filter_map(|endpoint| match endpoint.access {
        Access::Tenant(permission) => Some((endpoint, permission)),
        _ => None,
    });
    let operations: Vec<Value> = of_tenants
        .filter(|(_, permission)| permitted(*permission).next().is_some())
        .map(|(endpoint, permission)| {
            json!({
                "operation": endpoint.operation_id(), "method": endpoint.method.to_uppercase(), "path": endpoint.path,
                "summary": endpoint.summary, "roles": permitted(permission).map(Role::as_str).collect::<Vec<_>>(),
            })
        })
        .collect();
    let names: Vec<&str> = shown.iter().map(|role| role.as_str()).collect();
    output::answer(session.format, &json!({ "roles": names, "operations": operations }), |_| match role {
        Some(_) => of_one(&operations),
        None => matrix(&names, &operations),
    });
    Ok(())
}

fn known(name: &str) -> Result<Role> {
    let meant = name.to_lowercase().replace(['-', ' '], "_");
    Role::ALL.iter().copied().find(|role| role.as_str() == meant).with_context(|| {
        let names: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
        format!("there is no role {name}; there are {}", names.join(", "))
    })
}

fn address(operation: &Value) -> String {
    format!("{} {}", output::text(operation, "/method"), output::text(operation, "/path"))
}

fn matrix(names: &[&str], operations: &[Value]) {
    // Two-word roles by their first word: the table is wide enough.
    let short = names.iter().map(|name| name.split('_').next().unwrap_or(name).to_uppercase());
    let headings: Vec<String> = std::iter::once("OPERATION".to_owned()).chain(short).collect();
    let rows = operations.iter().map(|operation| {
        let may = |name: &&str| operation["roles"].as_array().is_some_and(|roles| roles.contains(&json!(name)));
        let marks = names.iter().map(|name| if may(name) { MAY.to_owned() } else { String::new() });
        std::iter::once(address(operation)).chain(marks).collect()
    });
    output::table(&headings.iter().map(String::as_str).collect::<Vec<_>>(), &rows.collect::<Vec<Vec<String>>>());
}

fn of_one(operations: &[Value]) {
    let rows = operations.iter().map(|operation| vec![address(operation), output::text(operation, "/summary")]);
    output::table(&["OPERATION", "WHAT FOR"], &rows.collect::<Vec<_>>());
}
