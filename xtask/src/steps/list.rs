//! What the product is to do, step by step. A step keeps its number for ever: tests, commits and people name it. Its
//! sentence says all that is asked for, not what is there.

/// One flow and its steps in order: the first is number 1.
pub struct Flow {
    /// As steps are named: `TRIP-1`.
    pub name: &'static str,
    pub title: &'static str,
    pub steps: &'static [Step],
}

pub struct Step {
    pub what: &'static str,
    pub shown_by: ShownBy,
}

/// What shows a step whole.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ShownBy {
    Programs,
    /// A thing or a person outside of it: a vehicle that moves, brakes or boots, a regulator, somebody on call. Tests
    /// have a simulated one.
    World,
}

const fn programs(what: &'static str) -> Step {
    Step { what, shown_by: ShownBy::Programs }
}

const fn world(what: &'static str) -> Step {
    Step { what, shown_by: ShownBy::World }
}

pub const FLOWS: &[Flow] = &[
    Flow { name: "TRIP", title: "Trips", steps: TRIP },
    Flow { name: "ONB", title: "Onboarding of vehicles", steps: ONB },
    Flow { name: "OTA", title: "Updates over the air", steps: OTA },
    Flow { name: "PDM", title: "Predictive maintenance", steps: PDM },
    Flow { name: "SEC", title: "Security incidents", steps: SEC },
    Flow { name: "EVD", title: "Evidence and compliance", steps: EVD },
    Flow { name: "SECTOR", title: "Sectors of tenants", steps: SECTOR },
    Flow { name: "SAFE", title: "Safety of motion", steps: SAFE },
];

const TRIP: &[Step] = &[
    programs("A trip is asked for; each wrong field is named and changes nothing"),
    programs("Policy is asked with the trip's facts and answers with its constraints"),
    programs("A denied trip is journaled with reasons and rules, and does not exist"),
    programs("An allowed trip is stored, answered at once, and goes on without its caller"),
    programs("A route is found under the constraints and says which of them bound"),
    programs("Vehicles and trips that wait together are paired best, policy allowing; a trip that gets none says why"),
    programs("The agent gets route and instructions, checks them, and accepts with an arrival time or rejects"),
    world("While it drives, samples and progress are taken once and acknowledged, and compliance is watched and kept"),
    world("The vehicle completes the trip with a summary; story and decisions can be read back"),
    world(
        "A key repeats an answer; a trip is cancelled or diverted, given to another vehicle, led another way, \
         scheduled, by several stops, or in a circuit until a quantity is moved",
    ),
    programs("Every change reaches who watches within a second; the history has the decision behind each step"),
    world("What has room for few, such as a narrow road or a charger, is leased; a circle of waits is broken"),
    world("A vehicle asks for help; one operator takes the request and answers; the vehicle checks the answer"),
];

const ONB: &[Step] = &[
    programs("A technician registers a vehicle by its profile and certificates, which are checked"),
    programs("Policy admits it under constraints that hold for every later decision, or denies it with reasons"),
    programs("Keys and certificates are issued: for a key of the vehicle's own, or both made for it"),
    programs("It has an identity of its own, a SPIFFE id"),
    programs("Its record stands, and the tool holds its id and credentials or a join token for one use"),
    programs("The tool gives the agent what it needs to connect, and the agent connects securely"),
    programs("The agent proves who it is and gets a token and the policies that apply"),
    programs("The agent says what it can do, becomes ONLINE and gets its configuration"),
    programs("Heartbeats carry its health and are acknowledged; one that misses them is OFFLINE, with consequences"),
    programs("Certificates renew themselves, a used or expired join token is refused, a decommissioned vehicle is out"),
];

const OTA: &[Step] = &[
    programs("A package is signed with its hash and metadata"),
    programs("Policy says which vehicles may have it, and why the others may not"),
    programs("Of each cohort the eligible vehicles are kept by their status"),
    world("Each is told, checks the signature itself and has it checked; one out of reach is deferred"),
    world("It gets an address that expires, downloads, goes on after a break and checks integrity"),
    world("Before it installs, policy looks at the vehicle's state; no answer defers"),
    world("It installs beside what runs, switches, boots, tests itself and proves it; a power cut leaves what boots"),
    world("A wrong signature, or a vehicle that is not ready, rejects the update with the reason"),
    programs("Health of the rollout decides about the next cohort; it can be paused, resumed, aborted, rolled back"),
];

const PDM: &[Step] = &[
    world("Diagnostics of a vehicle are checked, enriched and acknowledged"),
    programs("Features are computed with confidence, the same for training as for use, as of any past moment"),
    programs("A model predicts how long each component lasts, with confidence"),
    programs("Predictions are compared with thresholds"),
    programs("What needs work gets a work order, a date by the fleet's availability, and a notice"),
    world("A component near its end grounds the vehicle; else a maintenance window is found"),
    programs(
        "Predictions are compared with what came; drift retrains, and a model replaces another only if it is better",
    ),
    world("Grounding is confirmed by a vehicle that stands braked, and ends by a named technician, owners and policy"),
];

const SEC: &[Step] = &[
    programs("Every authentication is checked and told to the monitor"),
    programs("Patterns are analysed and compared with known threats"),
    programs("What is suspicious raises an alert with evidence and a severity"),
    world("High: isolation and revocation by policy, secrets rotated, somebody on call paged until one answers"),
    world("Medium or low: the vehicle is watched closely for a day and the team is told"),
    world("Evidence of a vehicle and a time becomes a timeline; the vehicle gives its diagnostics"),
    world("Contained: access comes back under a new identity. Escalated: experts, reason and evidence are recorded"),
    programs("A report, archived evidence, and what was learned as a proposal for policy"),
];

const EVD: &[Step] = &[
    programs("Trip events are classified for compliance, stored and signed"),
    programs("Decisions of policy are linked to the requirements that they serve"),
    programs("Events of a time and a framework are collected with signatures and custody, and adherence is analysed"),
    programs("A bundle is mapped to the clauses, signed, checked and archived"),
    programs("A report in the regulator's form is signed and can be downloaded"),
    world("It is submitted; the regulator accepts or rejects, and a correction is scheduled"),
    programs("Metrics, violations and gaps are watched, raise alerts and lead to mitigations"),
];

const SECTOR: &[Step] = &[
    programs("A user asks for a sector; entitlements allow it, or say what is missing"),
    programs("The sector's policies are loaded as the tenant's overlay"),
    programs("The sector's features are switched on for the tenant"),
    programs("Words, branding and modules of the page follow, all together or none"),
    programs("Every operation is held against the sector's policies and the tenant's constraints"),
    programs("The sector's own logic applies, or a denial names its policy and alternatives"),
    programs(
        "Mining, logistics, ride-hail, defense: an overlay only tightens, and no tenant sees or changes another's data",
    ),
];

const SAFE: &[Step] = &[
    world(
        "Without a decision there is no new motion, and what reduces risk still works; a vehicle in motion keeps \
         its last limits until they expire and then stops",
    ),
    world("What reduces risk leaves although the store cannot commit, and is journaled later"),
    world("A moving vehicle is quarantined and stopped before its identity is revoked"),
    world("A quarantine ends the claim; no zone that is exclusive is entered without a fresh lease"),
    world("A stop names its class; only NOW stands in a tunnel or on a crossing, and then asks for help"),
    world("What permits expires in seconds; what restricts never does, survives everything and wins every race"),
    world("A vehicle moves only under the current claim and its validity; its trip is given away only after both"),
    programs("Silence counts only while we could hear"),
    world("Another way begins beyond stopping distance; the old one holds until it is taken; closures have classes"),
    programs("Too many automatic stops at once wait for a person"),
    world("Grounding is after the trip, at the next place, or now; a prediction alone never means now"),
    world("Installing and switching each look at the vehicle again: standing, braked, empty, off the road"),
    world("A clearance, a restart, an update or an opened road makes a vehicle ready and never moves it"),
    world("Limits tighten gently; forensic mode begins at standstill"),
    programs("Simulated is part of what a vehicle is, never beside real ones; a replay says that it is not live"),
    world("A returning vehicle tells events in order and first, samples newest first"),
    programs(
        "A held vehicle is not dispatched; a hold is its owner's, a lockout never ends from afar; modes refuse motion",
    ),
];
