//! What bodies and answers are made of, in the notation of [`super::shape`].

/// Shapes that have a name.
pub const SHAPES: &[(&str, &str)] = &[
    ("Coordinate", "{ lat: number(-90..90), lon: number(-180..180) }"),
    ("Sector", "mining | logistics | ride-hail | defense"),
    ("Role", "administrator | dispatcher | safety_officer | technician | auditor | viewer"),
    ("Constraints", "{ … }"),
    (
        "Problem",
        "{ type: string, title: string, status: integer, code: string, detail: string, errors?: [FieldError], decision?: any }",
    ),
    ("FieldError", "{ field: string, message: string }"),
    ("Tenant", "{ name: name, sector: Sector | null, simulated: boolean, created_at: time }"),
    ("TenantCreated", "{ name: name, sector: Sector | null, simulated: boolean, created_at: time, token: string }"),
    ("Principal", "{ id: prin_…, role: Role, name: string | null, revoked: boolean, created_at: time }"),
    ("PrincipalCreated", "{ id: prin_…, role: Role, name: string, token: string }"),
    ("Map", "{ version: integer, digest: string, nodes: integer, edges: integer }"),
    ("Imported", "{ site: name, version: integer, digest: string, nodes: integer, edges: integer, report: any }"),
    ("Restriction", "Zone | Closure"),
    (
        "Zone",
        "{ id: restr_…, type: zone, name: string, kind: avoided | blast | exclusive, class: RuleClass, polygon: [Coordinate], owner: string, reason?: string, from?: time, until?: time, in_force?: InForce }",
    ),
    (
        "Closure",
        "{ id: restr_…, type: closure, class: RuleClass, polygon: [Coordinate], owner: string, reason: string, from: time, until: time | null, in_force?: InForce }",
    ),
    ("RuleClass", "no_entry | stop | evacuate"),
    ("InForce", "{ on: integer, of: integer, waiting: [{ id: veh_…, name: string }] }"),
    ("Site", "{ site: name, map: Map, restrictions: [Restriction] }"),
    ("Component", "{ name: word, version: text(1..100), serial?: string }"),
    (
        "Registration",
        "{ site: name, name: text(1..60), vin?: vin | null, capabilities?: [word](0..64), sectors?: [Sector], payload_max_kg?: number(0..1000000), seats?: integer(0..500), max_speed_mps: number(>0..60), energy_capacity_wh: number(>0..100000000), simulated?: boolean, components?: [Component](0..64) }",
    ),
    (
        "Registered",
        "{ id: veh_…, name: string, secret: string, link: { address: string, certificate_sha256: string }, constraints: Constraints }",
    ),
    (
        "Profile",
        "{ name: string, vin_commitment: string | null, capabilities: [string], sectors: [Sector], payload_max_kg: number, seats: integer, max_speed_mps: number, energy_capacity_wh: number, simulated: boolean }",
    ),
    ("HoldKind", "grounded | lockout | pre_start_check | update | quarantine | cleaning"),
    ("HoldTiming", "after_trip | next_admissible | now"),
    ("Hold", "{ id: hold_…, kind: HoldKind, owner: string, reason: string, timing: HoldTiming, placed_at: time }"),
    ("Claim", "{ trip: trip_…, epoch: integer, valid_for_s: integer, taken_at: time }"),
    ("StopClass", "now | nearest_admissible"),
    ("Stop", "{ id: cmd_…, class: StopClass, reason: string, ordered_at: time }"),
    ("Mode", "AUTONOMOUS | REMOTE | MANUAL | SERVICE | ESTOP"),
    (
        "Seen",
        "{ at: time, boot: boot_…, battery_pct: number, mode: Mode, position: Coordinate | null, parked: boolean, odometer_m: number }",
    ),
    (
        "Vehicle",
        "{ id: veh_…, name: string, site: name, status: REGISTERED | ONLINE | OFFLINE | DECOMMISSIONED, mode: Mode, ready: boolean, holds: [Hold], claim: Claim | null, claim_epoch: integer, stop: Stop | null, profile: Profile, components: [Component], capabilities: [string], constraints: Constraints, registered_at: time, seen: Seen | null }",
    ),
    (
        "Sample",
        "{ seq: integer, boot: boot_…, at: time, lat: number, lon: number, heading_deg: number, speed_mps: number, battery_pct: number, odometer_m: number, mode: string, trip: trip_… | null }",
    ),
    (
        "Command",
        "{ id: cmd_…, kind: string, class: string, claim_epoch: integer, state: issued | delivered | accepted | rejected | done | expired, issued_at: time, expires_at: time | null, code: string | null, reason: string | null }",
    ),
    (
        "TripRequest",
        "{ site: name, kind: TripKind, origin: Coordinate, destination: Coordinate, requirements?: Requirements | null, priority?: integer(0..9) | null, stops?: [Coordinate](0..16) | null, window?: { earliest?: time | null, latest?: time | null } | null }",
    ),
    (
        "TripStatus",
        "SCHEDULED | CREATED | WAITING | ASSIGNED | DISPATCHED | TO_PICKUP | AT_PICKUP | ON_TRIP | PAUSED | AWAITING_ASSIST | SAFE_STOPPED | STRANDED | AT_DROPOFF | COMPLETED | CANCELLED | FAILED | EXPIRED",
    ),
    ("TripKind", "passenger | delivery | haul | charge | depot | reposition | maintenance | recovery"),
    (
        "Requirements",
        "{ capabilities?: [word](0..32) | null, payload_kg?: number(0..1000000) | null, passengers?: integer(0..1000) | null }",
    ),
    (
        "Trip",
        "{ id: trip_…, site: name, kind: TripKind, status: TripStatus, occupied: boolean, vehicle: veh_… | null, claim_epoch: integer | null, route: RouteSummary | null, wait: any, priority: integer, created_at: time, … }",
    ),
    (
        "RouteSummary",
        "{ route: route_…, version: integer, map_digest: string, policy_digest: string, distance_m: number, duration_ms: integer, binding: [string], … }",
    ),
    (
        "Route",
        "{ route: route_…, version: integer, map_digest: string, policy_digest: string, distance_m: number, duration_ms: integer, binding: [string], trip: trip_…, points: [Coordinate], steps: [RouteStep], approach: { points: [Coordinate], steps: [RouteStep] }, constraints: Constraints, found_at: time, … }",
    ),
    ("RouteStep", "{ length_m: number, speed_mps: number, no_stop: boolean, … }"),
    ("History", "{ items: [{ n: integer, at: time, event: string, summary: string, body: any }], ended: boolean }"),
    (
        "Why",
        "{ trip: trip_…, status: TripStatus, steps: [{ n: integer, at: time, event: string, summary: string, actor: any, decision: any }] }",
    ),
    ("StandingGoal", "{ quantity_kg: number(>0..100000000000) } | { trips: integer(1..10000) }"),
    (
        "StandingOrder",
        "{ id: stand_…, status: ACTIVE | COMPLETED | CANCELLED, site: string, kind: TripKind, stops: [{ at: Coordinate }], requirements: Requirements, priority: integer, goal: StandingGoal, at_once: integer, asked: integer, open: any, trips_done: integer, moved_kg: number, pause: { code: string, reason: string, until: time } | null, requested_by: string, created_at: time, due: time | null }",
    ),
    ("AssistAnswer", "wait | proceed | choose_path | stop | send_crew"),
    (
        "Assistance",
        "{ id: assist_…, status: ASKED | TAKEN | DONE, trip: trip_…, vehicle: veh_…, claim_epoch: integer, site: string, kind: string, at: Coordinate, occupied: boolean, snapshot: { sha256: string, media_type: string, base64?: string | null } | null, lease: { number: integer, by: prin_…, until: time } | null, leases: integer, answers: [{ answer: AssistAnswer, by: prin_…, at: time, reason: string, outcome: any }], closing: { code: string, reason: string, at: time } | null, asked_at: time, due: time | null }",
    ),
    ("Entry", "{ index: integer, leaf: string, event: any, links: any }"),
    ("Head", "{ size: integer, root: string, checkpoint: string, vkey: string }"),
    (
        "Receipt",
        "{ level: string, trust: string, index: integer, envelope: string, links: string, path: [string], checkpoint: string }",
    ),
    (
        "Verdict",
        "{ ok: boolean, trust: string, finding: string | null, logs: [{ tenant: string, ok: boolean, size: integer | null, root: string | null, finding: string | null, rows_replayed: integer | null }] }",
    ),
];
