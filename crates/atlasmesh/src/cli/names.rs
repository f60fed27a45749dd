//! What people type for a vehicle or a trip: an id, a vehicle's name, the end of a trip's id.

use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};
use kernel::id::PrincipalId;
use kernel::{TripId, VehicleId};
use serde_json::Value;

use super::client::Client;
use super::output;
use super::pages::List;

/// How much of a trip's id lists print: enough to tell trips apart, and little to type.
const SHORT: usize = 6;
/// The least that is taken for a trip.
const SHORT_MIN: usize = 4;
/// How far back trips are looked for: a server may have hundreds of thousands.
const TRIPS_MAX: u64 = 10_000;
/// How many candidates an error names.
const CANDIDATES_MAX: usize = 10;

/// The end of a trip's id, which is typed for it.
pub fn short(id: &str) -> String {
    let behind = id.len().saturating_sub(SHORT);
    if id.starts_with("trip_") { id.get(behind..).unwrap_or(id).to_owned() } else { id.to_owned() }
}

/// Rows with the names of vehicles and the ends of trips' ids in place of ids.
pub fn told(rows: Vec<Vec<String>>, vehicles: &BTreeMap<String, String>) -> Vec<Vec<String>> {
    let told = |cell: String| vehicles.get(&cell).cloned().unwrap_or_else(|| short(&cell));
    rows.into_iter().map(|row| row.into_iter().map(told).collect()).collect()
}

async fn all(client: &Client, path: &str, most: u64) -> Result<Vec<Value>> {
    let mut listed = List::of(path).first(client, most).await?;
    Ok(listed.page["items"].as_array_mut().map(std::mem::take).unwrap_or_default())
}

/// The names of vehicles by their ids; none where they cannot be read, as ids say it too.
pub async fn of_vehicles(client: &Client) -> BTreeMap<String, String> {
    let vehicles = all(client, "/v1/vehicles", u64::MAX).await.unwrap_or_default();
    vehicles.iter().map(|vehicle| (output::text(vehicle, "/id"), output::cell(vehicle, "/name"))).collect()
}

/// The id of a vehicle that was typed.
pub async fn vehicle(client: &Client, typed: &str) -> Result<String> {
    if typed.parse::<VehicleId>().is_ok() {
        return Ok(typed.to_owned());
    }
    vehicle_of(&all(client, "/v1/vehicles", u64::MAX).await?, typed)
}

fn vehicle_of(vehicles: &[Value], typed: &str) -> Result<String> {
    let name = |vehicle: &Value| vehicle["name"].as_str().unwrap_or_default().to_owned();
    let alike = |vehicle: &Value| name(vehicle).to_lowercase() == typed.to_lowercase();
    let exact: Vec<&Value> = vehicles.iter().filter(|vehicle| name(vehicle) == typed).collect();
    let mut found = if exact.is_empty() { vehicles.iter().filter(|vehicle| alike(vehicle)).collect() } else { exact };
    // A name is free again once its vehicle is out of service.
    if found.iter().any(|vehicle| vehicle["status"] != "DECOMMISSIONED") {
        found.retain(|vehicle| vehicle["status"] != "DECOMMISSIONED");
    }
    let named = |vehicle: &Value| format!("{} ({})", output::cell(vehicle, "/name"), output::text(vehicle, "/id"));
    match found.as_slice() {
        [only] => Ok(output::text(only, "/id")),
        [] => {
            let near = |vehicle: &&Value| name(vehicle).to_lowercase().contains(&typed.to_lowercase());
            let mut names: Vec<String> = vehicles.iter().filter(near).map(name).collect();
            if names.is_empty() {
                names = vehicles.iter().map(name).collect();
            }
            names.sort();
            bail!("there is no vehicle {typed}; there {}", candidates(&names))
        }
        many => {
            let names: Vec<String> = many.iter().map(|vehicle| named(vehicle)).collect();
            bail!("{typed} may be several vehicles, type its id: there {}", candidates(&names))
        }
    }
}

/// The id of a user of whom the id, the e-mail address or the name was typed.
pub async fn user(client: &Client, typed: &str) -> Result<String> {
    if typed.parse::<PrincipalId>().is_ok() {
        return Ok(typed.to_owned());
    }
    user_of(&all(client, "/v1/users", u64::MAX).await?, typed)
}

fn user_of(users: &[Value], typed: &str) -> Result<String> {
    let is_them = |user: &&Value| user["email"] == typed.to_lowercase() || user["name"] == typed;
    let active = || users.iter().filter(|user| user["status"] != "disabled");
    match active().filter(is_them).collect::<Vec<&Value>>().as_slice() {
        [only] => Ok(output::text(only, "/id")),
        [] => {
            let names: Vec<String> = active().map(|user| output::cell(user, "/name")).collect();
            bail!("there is no user {typed}; there {}", candidates(&names))
        }
        many => {
            let ids: Vec<String> = many.iter().map(|user| output::text(user, "/id")).collect();
            bail!("{typed} may be several users, type an id or an e-mail address: there {}", candidates(&ids))
        }
    }
}

/// The id of a trip that was typed.
pub async fn trip(client: &Client, typed: &str) -> Result<String> {
    if typed.parse::<TripId>().is_ok() {
        return Ok(typed.to_owned());
    }
    let end = typed.trim_start_matches('…').to_lowercase();
    ensure!(
        end.len() >= SHORT_MIN,
        "{typed} is too short for a trip: type the end of its id, as `trips list` prints it"
    );
    trip_of(&all(client, "/v1/trips", TRIPS_MAX).await?, &end)
}

fn trip_of(trips: &[Value], end: &str) -> Result<String> {
    let found: Vec<String> =
        trips.iter().map(|trip| output::text(trip, "/id")).filter(|id| id.ends_with(end)).collect();
    match found.as_slice() {
        [only] => Ok(only.clone()),
        [] => {
            let newest = trips
                .iter()
                .map(|trip| format!("{} ({})", short(&output::text(trip, "/id")), output::text(trip, "/status")));
            let newest: Vec<String> = newest.collect();
            bail!("no id of the newest {TRIPS_MAX} trips ends in {end}; there {}", candidates(&newest))
        }
        many => bail!("{end} may be several trips, type more of the id: there {}", candidates(many)),
    }
}

/// `are taxi-01, taxi-02 and 28 more`
fn candidates(names: &[String]) -> String {
    let first: Vec<&str> = names.iter().take(CANDIDATES_MAX).map(String::as_str).collect();
    match (first.as_slice(), names.len() - first.len()) {
        ([], _) => "is none".into(),
        ([only], 0) => format!("is {only}"),
        (_, 0) => format!("are {}", first.join(", ")),
        (_, more) => format!("are {} and {more} more", first.join(", ")),
    }
}

/// The subject of entries as people type it, with the id of its vehicle or trip.
pub async fn subject(client: &Client, typed: &str) -> Result<String> {
    Ok(match typed.split_once('/') {
        Some(("vehicle", name)) => format!("vehicle/{}", vehicle(client, name).await?),
        Some(("trip", end)) => format!("trip/{}", trip(client, end).await?),
        _ => typed.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_user_is_found_by_address_or_name_while_they_may_act() {
        let users = [
            json!({ "id": "prin_1", "name": "ana", "email": "ana@mine.example", "status": "active" }),
            json!({ "id": "prin_2", "name": "ana", "email": "ana.b@mine.example", "status": "active" }),
            json!({ "id": "prin_3", "name": "ben", "email": "ben@mine.example", "status": "disabled" }),
        ];
        assert_eq!(user_of(&users, "Ana.B@mine.example").unwrap(), "prin_2");
        assert!(user_of(&users, "ana").unwrap_err().to_string().contains("prin_1, prin_2"));
        assert!(user_of(&users, "ben").unwrap_err().to_string().starts_with("there is no user ben; there are ana"));
    }

    #[test]
    fn a_vehicle_is_found_by_its_name_and_an_unclear_name_is_told_with_candidates() {
        let vehicle = |id: &str, name: &str, status: &str| json!({ "id": id, "name": name, "status": status });
        let fleet = [
            vehicle("veh_1", "taxi-1", "ONLINE"),
            vehicle("veh_2", "Bus", "ONLINE"),
            vehicle("veh_3", "bus", "OFFLINE"),
            vehicle("veh_4", "taxi-1", "DECOMMISSIONED"),
            vehicle("veh_5", "truck", "DECOMMISSIONED"),
        ];
        let told = |typed: &str| vehicle_of(&fleet, typed).unwrap_or_else(|error| error.to_string());
        assert_eq!(told("TAXI-1"), "veh_1");
        assert_eq!((told("bus"), told("Bus"), told("truck")), ("veh_3".into(), "veh_2".into(), "veh_5".into()));
        assert_eq!(told("BUS"), "BUS may be several vehicles, type its id: there are Bus (veh_2), bus (veh_3)");
        assert_eq!(told("truc"), "there is no vehicle truc; there is truck");
        assert_eq!(told("plane"), "there is no vehicle plane; there are Bus, bus, taxi-1, taxi-1, truck");
        assert!(vehicle_of(&[], "bus").unwrap_err().to_string().ends_with("there is none"));
    }

    #[test]
    fn a_trip_is_found_by_the_end_of_its_id() {
        let trips = ["trip_01kaaabbbccc", "trip_01kdddbbbccc"].map(|id| json!({ "id": id, "status": "WAITING" }));
        let told = |end: &str| trip_of(&trips, end).unwrap_or_else(|error| error.to_string());
        assert_eq!(told("aabbbccc"), "trip_01kaaabbbccc");
        assert!(told("bbbccc").contains("there are trip_01kaaabbbccc, trip_01kdddbbbccc"));
        assert!(told("xyzw").contains("there are bbbccc (WAITING), bbbccc (WAITING)"));
        assert_eq!((short("trip_01kaaabbbccc"), short("-")), ("bbbccc".into(), "-".into()));
    }
}
