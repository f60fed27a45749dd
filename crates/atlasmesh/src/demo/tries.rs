//! What a newcomer can try while the demo runs: numbered lines that work as they are printed, in a shell at the root of
//! the repository. A test runs each of them.

use anyhow::Result;
use serde_json::json;

use super::city::{City, Place};
use super::evidence;
use super::folder::DemoFolder;
use super::setup::{ASKING, PASSWORD, SITE, TENANT, WORN, people_text, taxi};
use super::worlds::Stand;
use super::worlds::lines::{data, exports};

/// How long the demo's images are.
const IMAGE_BYTES: usize = 8_000_000;
/// Half the side of the closed square, in degrees: some 60 m.
const HALF_SIDE_DEG: f64 = 0.0005;

/// A thing to try, and what goes on with it: each works by itself, in any order.
struct Try {
    title: &'static str,
    command: String,
    then: Vec<(&'static str, String)>,
}

fn try_out(title: &'static str, command: String) -> Try {
    Try { title, command, then: Vec::new() }
}

impl Try {
    fn then(mut self, title: &'static str, command: impl Into<String>) -> Self {
        self.then.push((title, command.into()));
        self
    }

    fn lines(self, number: usize) -> impl Iterator<Item = String> {
        let first = format!("{:<18} {}", format!("{number} {}:", self.title), self.command);
        let rest = self.then.into_iter().map(|(title, command)| format!("{:<18} {command}", format!("  {title}:")));
        std::iter::once(first).chain(rest)
    }
}

/// What can be tried in the city, in the order of a day.
pub fn lines(stand: &Stand<'_>, city: &mut City) -> Result<Vec<String>> {
    let data = &data(stand.folder);
    let mut lines = vec![String::new(), "Try this, in another terminal:".into(), exports(stand)?];
    let day = day(stand, city, data)?;
    lines.extend(day.into_iter().enumerate().flat_map(|(n, one)| one.lines(n + 1)));
    lines.push(format!("  Ctrl-C ends the demo; `cargo xtask demo` goes on where it stood; `rm -r {data}` removes it"));
    lines.push(String::new());
    Ok(lines)
}

fn day(stand: &Stand<'_>, city: &mut City, data: &str) -> Result<Vec<Try>> {
    let Stand { folder, url, link, token, vehicles, .. } = *stand;
    let ((from, to), start) = (city.pair(), city.place());
    let images = images(folder)?;
    let worn = &taxi(WORN);
    Ok(vec![
        try_out("look", format!("{url}/#token={token}"))
            .then("or sign in", format!("{url}  organisation {TENANT}, password \"{PASSWORD}\", as {}", people_text())),
        try_out("onboard one", onboard(data, "shuttle-03", start)),
        try_out("ask for a trip", ask(from, to)),
        try_out("close its end", close(to)).then("and ask again", create(from, to)).then("open it again", open()),
        try_out("find out why", why()),
        try_out("update them", update(("av-os-2.0", 10), (&images[0], &images[2]), vehicles)),
        try_out("a bad one", update(("av-os-3.0", 20), (&images[1], &images[2]), vehicles)).then(
            "take it back",
            "atlasmesh ota revert av-os-3.0 --reason 'caught by the gate' && atlasmesh ota status",
        ),
        try_out("learn of wear", learn(data)).then("a worn brake", watch(worn)).then("repair it", repair(worn)),
        try_out("a stolen key", steal(data, link, start))
            .then("look into it", look(data, start))
            .then("bring it back", bring_back()),
        try_out("the evidence", evidence::make(folder, data)?)
            .then("check it", evidence::check(data))
            .then("report it", evidence::report(data)),
        try_out("a rule of yours", rule(folder, data)?),
        try_out("take on a sector", sector()).then("and go back", "atlasmesh sector rollback --reason 'seen'"),
        try_out("change a byte", change(data)),
        try_out("kill the server", kill(data)),
        try_out("join by Python", join(data, start)),
    ])
}

fn why() -> String {
    "atlasmesh trips why \"$(atlasmesh trips list --status COMPLETED --limit 1 | tail -n 1 | cut -d ' ' -f 1)\"".into()
}

fn kill(data: &str) -> String {
    format!("kill -9 \"$(sed -n 's/.*\"pid\": \\([0-9]*\\).*/\\1/p' {data}/server/endpoints.json)\"")
}

/// The last id of a kind that a command prints as JSON.
fn last_id(prefix: &str) -> String {
    format!("grep -o '\"{prefix}_[^\"]*\"' | tail -n 1 | tr -d '\"'")
}

/// Lifts the newest closure.
fn open() -> String {
    format!("atlasmesh site lift {SITE} \"$(atlasmesh site closures {SITE} --json | {})\"", last_id("restr"))
}

/// A rule of the operator's own: nobody rides alone.
const OWN_RULE: &str = r#"@id("tenant.trips.two")
@version("1")
@purpose("A trial: full cars before more cars.")
@reason("only groups of two and more ride today")
forbid (principal, action == Fleet::Action::"trip.request", resource)
when { context.passengers < 2 };
"#;
/// What is to follow from it.
const OWN_CASES: &str = r#"[{ "action": "trip.request", "resource": "trip/t1", "role": "dispatcher", "authentication": "token",
  "sector": "ride-hail",
  "facts": { "kind": "passenger", "closed_at_stops": [], "zone_kinds_at_stops": [], "avoided_zones": [], "passengers": 2,
             "payload_kg": 0.0, "required_capabilities": [], "distance_m": 900.0 },
  "cases": [
    { "name": "two ride", "then": "allow" },
    { "name": "one rides", "given": { "facts": { "passengers": 1 } }, "then": ["tenant.trips.two"] } ] }]
"#;

/// Checks the rule, writes it as a draft, and asks what it would have done to past decisions.
fn rule(folder: &DemoFolder, data: &str) -> Result<String> {
    folder.write_private("own.cedar", OWN_RULE.as_bytes())?;
    folder.write_private("own.json", OWN_CASES.as_bytes())?;
    Ok(format!(
        "atlasmesh policy check {data}/own.cedar --cases {data}/own.json && \
         draft=\"$(atlasmesh policy draft {data}/own.cedar --cases {data}/own.json --name 'two and more' --reason 'a trial' \
         --json | {})\" && atlasmesh policy test \"$draft\" && atlasmesh policy diff \"$draft\"",
        last_id("pdraft")
    ))
}

/// Looks at what a sector would change, puts it in force, and shows its words: the page speaks and looks like it.
fn sector() -> String {
    "atlasmesh sector preview ride-hail && atlasmesh sector activate ride-hail --reason 'a look' && atlasmesh sector show"
        .into()
}

/// Images for the demo's vehicles, in files: one that works, one that does not start, and the one that they go back to.
fn images(folder: &DemoFolder) -> Result<[String; 3]> {
    let image = |release: &str, result: &str| -> Result<String> {
        let name = format!("{release}.img");
        let mut bytes = format!("atlasmesh simulated image\nrelease: {release}\nself-test: {result}\n").into_bytes();
        bytes.resize(IMAGE_BYTES, b'.');
        folder.write_private(&name, &bytes)?;
        Ok(folder.path(&name).display().to_string())
    };
    Ok([image("av-os-2.0", "pass")?, image("av-os-3.0", "fail")?, image("av-os-1.0", "pass")?])
}

/// Publishes a release and rolls it out: three taxis first, then all but those that stand before something and ask.
fn update((release, counter): (&str, u64), (image, back): (&str, &str), vehicles: usize) -> String {
    let asking: Vec<String> = (0..vehicles).skip(ASKING - 1).step_by(ASKING).map(taxi).collect();
    let exclude = if asking.is_empty() { String::new() } else { format!("--exclude {} ", asking.join(",")) };
    format!(
        "atlasmesh ota release {release} --image {image} --counter {counter} --hardware sim-compute-1 --notes \
         'smoother braking' --back-image {back} && atlasmesh ota plan --release {release} --first \
         taxi-01,taxi-02,taxi-03 {exclude}--stages 100 --soak-s 5 --at-once 10 --start && atlasmesh ota watch {release}"
    )
}

/// Trains a model of brake pads on simulated lives.
fn learn(data: &str) -> String {
    format!(
        "atlasmesh maintenance simulate brake_pads --parts 100 --out {data}/lives.csv && \
         atlasmesh maintenance import brake_pads {data}/lives.csv && atlasmesh maintenance train brake_pads"
    )
}

/// Waits until a vehicle stands for its own wear, and says why.
fn watch(vehicle: &str) -> String {
    format!(
        "until atlasmesh maintenance health {vehicle} | grep -q CONFIRMED; do sleep 1; done; \
         atlasmesh maintenance health {vehicle} && atlasmesh maintenance orders --vehicle {vehicle}"
    )
}

/// One technician repairs, another checks, the first returns the vehicle to service.
fn repair(vehicle: &str) -> String {
    format!(
        "order=\"$(atlasmesh maintenance orders --vehicle {vehicle} --limit 1 | tail -n 1 | cut -d ' ' -f 1)\" && \
         other=\"$(atlasmesh principals create --role technician --name checker --json | sed -n 's/.*\"token\": \"\\(.*\\)\".*/\\1/p')\" && \
         atlasmesh maintenance start \"$order\" && atlasmesh maintenance tick \"$order\" && \
         atlasmesh maintenance complete \"$order\" --closing worn_replaced && \
         ATLASMESH_TOKEN=\"$other\" atlasmesh maintenance verify \"$order\" && \
         atlasmesh maintenance return \"$order\" && atlasmesh maintenance health {vehicle}"
    )
}

/// How the agent of a shuttle is started: its process id is kept beside its state.
fn shuttle(data: &str, name: &str, start: Place) -> String {
    format!(
        "{{ atlasmesh-agent run --bootstrap {data}/{name}.boot --state {data}/{name} --capability passenger \
         --simulate --start={} >> {data}/{name}.log 2>&1 & echo $! > {data}/{name}.pid; }}",
        typed(start)
    )
}

/// Registers a shuttle, carries its join token to it, and starts it, unless that was done before.
fn register(data: &str, name: &str, start: Place) -> String {
    format!(
        "{{ test -s {data}/{name}.pid || {{ sed 's/shuttle-01/{name}/' docs/guides/vehicle.json > {data}/{name}.json && \
         atlasmesh garage register --profile {data}/{name}.json && \
         atlasmesh garage bootstrap {name} --out {data}/{name}.boot && {}; }}; }}",
        shuttle(data, name, start)
    )
}

/// Onboards a shuttle, and shows it once it has its identity and is online.
fn onboard(data: &str, name: &str, start: Place) -> String {
    format!(
        "{} && until atlasmesh vehicles list | grep {name} | grep -q ONLINE; do sleep 0.5; done; \
         atlasmesh vehicles show {name}",
        register(data, name, start)
    )
}

/// Onboards a shuttle, copies its key, and uses the copy until its own vehicle has a newer one: then it is found.
fn steal(data: &str, link: &str, start: Place) -> String {
    format!(
        "{} && until test -s {data}/shuttle-02/identity/svid.pem; do sleep 0.5; done && \
         cp {data}/shuttle-02/identity/svid.pem {data}/stolen.pem && \
         until atlasmesh security incidents | grep -q CONTAINED; do \
         timeout 2 openssl s_client -connect {link} -alpn h2 -cert {data}/stolen.pem -key {data}/stolen.pem \
         < /dev/null > /dev/null 2>&1; sleep 1; done; atlasmesh security incidents",
        register(data, "shuttle-02", start)
    )
}

/// The newest incident, as a shell variable.
const INCIDENT: &str = "incident=\"$(atlasmesh security incidents --limit 1 | tail -n 1 | cut -d ' ' -f 1)\"";

/// Answers the call, gives the shuttle a new identity, and has it tell of itself.
fn look(data: &str, start: Place) -> String {
    format!(
        "{INCIDENT} && atlasmesh security acknowledge \"$incident\" && atlasmesh security investigate \"$incident\" && \
         kill \"$(cat {data}/shuttle-02.pid)\" && \
         atlasmesh garage bootstrap shuttle-02 --out {data}/shuttle-02.boot && {} && \
         atlasmesh security diagnostics \"$incident\" && \
         until atlasmesh security show \"$incident\" | grep -q 'kept: '; do sleep 1; done; \
         atlasmesh security timeline \"$incident\"",
        shuttle(data, "shuttle-02", start)
    )
}

/// Two people bring the shuttle back; what was learned is kept.
fn bring_back() -> String {
    format!(
        "{INCIDENT} && other=\"$(atlasmesh principals create --role security_analyst --name second --json | \
         sed -n 's/.*\"token\": \"\\(.*\\)\".*/\\1/p')\" && \
         approval=\"$(atlasmesh security recover \"$incident\" --reason 'it has a new key' --json | \
         sed -n 's/.*\"id\": \"\\(appr_[^\"]*\\)\".*/\\1/p')\" && \
         ATLASMESH_TOKEN=\"$other\" atlasmesh approvals approve \"$approval\" --reason 'I looked at it' && \
         until atlasmesh security show \"$incident\" | grep -q 'RESTORED *20'; do sleep 0.5; done && \
         atlasmesh security close \"$incident\" --lessons 'keys belong in a module' && \
         atlasmesh security report \"$incident\""
    )
}

fn typed(place: Place) -> String {
    format!("{},{}", place.lat, place.lon)
}

fn ask(from: Place, to: Place) -> String {
    let body = json!({
        "site": SITE, "kind": "passenger", "origin": from.to_json(), "destination": to.to_json(),
        "requirements": { "passengers": 1 },
    });
    format!(
        "curl -sS -X POST \"$ATLASMESH_URL/v1/trips\" -H \"authorization: Bearer $ATLASMESH_TOKEN\" \
         -H 'content-type: application/json' -d '{body}'"
    )
}

fn create(from: Place, to: Place) -> String {
    format!("atlasmesh trips create --site {SITE} --from={} --to={} --passengers 1", typed(from), typed(to))
}

fn close(place: Place) -> String {
    let corner = |north: f64, east: f64| {
        let corner = Place { lat: place.lat + north * HALF_SIDE_DEG, lon: place.lon + east * HALF_SIDE_DEG };
        format!("--corner={}", typed(corner))
    };
    let corners = [corner(-1.0, -1.0), corner(-1.0, 1.0), corner(1.0, 1.0), corner(1.0, -1.0)];
    format!("atlasmesh site close {SITE} --reason works {}", corners.join(" "))
}

/// A letter of the first entry of the tenant's journal, in a copy of its own each time. The row is changed by its name: a
/// byte that is changed by its place in the file may be one that no row uses any more.
fn change(data: &str) -> String {
    let sql = "update journal set envelope = replace(envelope, ?, ?) where tenant = ? and idx = 0";
    let program = format!(
        "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); \
         db.execute(\"{sql}\", (\"ride-hail\", \"Ride-hail\", \"{TENANT}\")); db.commit()"
    );
    format!(
        "copy=\"$(mktemp -d {data}/copy.XXXXXX)/server\" && atlasmesh store backup --data {data}/server --to \"$copy\" && \
         python3 -c '{program}' \"$copy/store/atlasmesh.sqlite\" && \
         atlasmesh verify --replay --data \"$copy\" --master-key {data}/server/keys/master.key"
    )
}

fn join(data: &str, start: Place) -> String {
    format!(
        "python3 -m venv {data}/venv && {data}/venv/bin/pip install -q -r examples/requirements.txt && \
         {{ test -s {data}/bootstrap.json || {{ \
         atlasmesh garage register --profile docs/guides/vehicle.json && \
         atlasmesh garage bootstrap shuttle-01 --out {data}/bootstrap.json; }}; }} && \
         sh examples/enrol.sh {data}/bootstrap.json {data}/identity && \
         {data}/venv/bin/python examples/vehicle.py {data}/bootstrap.json {data}/identity {} 20",
        typed(start)
    )
}
