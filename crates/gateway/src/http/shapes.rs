//! What bodies and answers are made of, in the notation of [`super::shape`].

/// Shapes that have a name.
pub const SHAPES: &[(&str, &str)] = &[
    ("Coordinate", "{ lat: number(-90..90), lon: number(-180..180) }"),
    ("Recorded", "journal | emergency | memory"),
    ("Sector", "mining | logistics | ride-hail | defense"),
    ("Role", "administrator | dispatcher | safety_officer | technician | auditor | viewer"),
    (
        "Constraints",
        "{ max_speed_mps?: number, max_payload_kg?: number, max_passengers?: integer, max_trip_distance_m?: number, valid_for_s?: integer, min_battery_pct?: number, probation_trips?: integer, avoided_zones?: [string], required_capabilities?: [string], allowed_modes?: [string], allowed_zones?: [string], allowed_sectors?: [Sector], … }",
    ),
    (
        "Problem",
        "{ type: string, title: string, status: integer, code: string, detail: string, errors?: [FieldError], decision?: Decision }",
    ),
    (
        "Actor",
        "{ kind: principal | vehicle | automation, id: string, role: string, authentication: string, second_approver: string | null, rule: string | null, … }",
    ),
    (
        "Decision",
        "{ id: dec_…, action: string, verdict: allow | deny, reasons: [PolicyReason], constraints: Constraints, constraint_sources: [{ policy_id: string, layer: string, purpose: string, kind: string, value: any, … }], principal: Actor, resource: string, about: [string], tenant: string, site: any, sector: any, entitlements: [string], facts: [{ name: string, value: boolean | number | string | [string], age_ms: number, … }], decided_at: time, bundle: string, equality_digest: string, … }",
    ),
    ("PolicyReason", "{ policy_id: string, layer: string, version: string, text: string, advice?: string, … }"),
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
    (
        "Tiles",
        "{ tilejson: string, name: name, version: string, bounds: [number](4..4) | null, minzoom: integer, maxzoom: integer, tiles: [string], vector_layers: [any] }",
    ),
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
    ("Required", "{ capabilities: [word], payload_kg: number, passengers: integer }"),
    ("Wait", "{ code: string, reason: string, policies: [string], since: time }"),
    ("Reason", "{ code: string, reason: string }"),
    ("Ending", "{ at: time, code: string, reason: string }"),
    (
        "Assignment",
        "{ vehicle: veh_…, claim_epoch: integer, claim_valid_for_s: integer, assigned_at: time, pickup_expected_at: time, milestone: assigned | accepted | departed | arrived_pickup | boarded | arrived_dropoff | completed, decision: dec_…, silence_told: boolean }",
    ),
    ("Violation", "{ violation: viol_…, response: string, opened_at: time }"),
    ("Progress", "{ distance_m: number, remaining_m: number, eta: time, at: time, boot: boot_…, seq: integer }"),
    ("Rerouting", "{ route: RouteSummary, begins_at_m: number, reason: string, offered_at: time, due_at: time }"),
    ("Resuming", "{ assist?: assist_…, route?: RouteSummary, ordered_at: time, due_at: time }"),
    (
        "Trip",
        "{ id: trip_…, status: TripStatus, left: TripStatus | null, occupied: boolean, site: name, kind: TripKind, stops: [{ at: Coordinate }], stop_index: integer, requirements: Required, priority: integer, window: { earliest: time | null, latest: time | null }, constraints: Constraints, request_constraints: Constraints, decision: dec_…, policy_bundle: string, requested_by: string, standing?: stand_…, created_at: time, expires_at: time, route: RouteSummary | null, route_versions: integer, rerouting?: Rerouting, blocked?: Reason, resuming?: Resuming, held_back_at?: Coordinate, diversion?: { reason: string, by: prin_… | null }, withdrawal?: { code: string, reason: string, since: time }, vehicle: veh_… | null, claim_epoch: integer | null, assignment: Assignment | null, excluded: [{ vehicle: veh_…, until: time, code: string, reason: string }], wait: Wait | null, violations: { …: Violation }, reports: { …: integer }, summary: { distance_m: number, duration_ms: integer, energy_wh: number } | null, ended: Ending | null, due: time | null, changed_at: time, progress?: Progress | null, diverted?: boolean, recorded?: Recorded }",
    ),
    (
        "RouteSummary",
        "{ route: route_…, version: integer, digest: string, distance_m: number, duration_ms: integer, approach_m: number, approach_ms: integer, energy_wh: number | null, map_digest: string, policy_digest: string, policy_bundle: string, binding: [string], zones: [string] }",
    ),
    (
        "Route",
        "{ route: route_…, version: integer, digest: string, distance_m: number, duration_ms: integer, approach_m: number, approach_ms: integer, energy_wh: number | null, map_digest: string, policy_digest: string, policy_bundle: string, binding: [string], zones: [string], trip: trip_…, points: [Coordinate], steps: [RouteStep], approach: { points: [Coordinate], steps: [RouteStep] }, constraints: Constraints, found_at: time, begins_at_m: number, stops_m: [number] }",
    ),
    (
        "RouteRequest",
        "{ kind: TripKind, origin: Coordinate, destination: Coordinate, requirements?: Requirements | null, stops?: [Coordinate](0..16) | null, vehicle?: veh_… | null }",
    ),
    (
        "RoutePreview",
        "{ distance_m: number, duration_ms: integer, approach_m: number | null, approach_ms: integer | null, energy_wh: number | null, binding: [string], constraints: Constraints, map_digest: string, stops_m: [number], points: [Coordinate], steps: [RouteStep] }",
    ),
    ("RouteStep", "{ length_m: number, speed_mps: number, no_stop: boolean }"),
    ("History", "{ items: [{ n: integer, at: time, event: string, summary: string, body: any }], ended: boolean }"),
    ("StoryStep", "{ n: integer, at: time, event: string, summary: string, actor: Actor, decision: Decision | null }"),
    ("Why", "{ trip: trip_…, status: TripStatus, steps: [StoryStep] }"),
    ("StandingGoal", "{ quantity_kg: number(>0..100000000000) } | { trips: integer(1..10000) }"),
    (
        "StandingOrder",
        "{ id: stand_…, status: ACTIVE | COMPLETED | CANCELLED, site: string, kind: TripKind, stops: [{ at: Coordinate }], requirements: Required, priority: integer, goal: StandingGoal, at_once: integer, asked: integer, open: any, trips_done: integer, moved_kg: number, pause: { code: string, reason: string, until: time } | null, requested_by: string, created_at: time, due: time | null }",
    ),
    ("AssistAnswer", "wait | proceed | choose_path | stop | send_crew"),
    ("Outcome", "{ state: pending } | { state: accepted } | { state: refused, code: string, reason: string }"),
    (
        "Assistance",
        "{ id: assist_…, status: ASKED | TAKEN | DONE, trip: trip_…, vehicle: veh_…, claim_epoch: integer, site: string, kind: string, at: Coordinate, occupied: boolean, snapshot: { sha256: string, media_type: string, base64?: string | null } | null, lease: { number: integer, by: prin_…, until: time } | null, leases: integer, answers: [{ answer: AssistAnswer, by: prin_…, at: time, reason: string, outcome: Outcome, … }], closing: { code: string, reason: string, at: time } | null, asked_at: time, due: time | null }",
    ),
    (
        "Envelope",
        "{ id: evt_…, tenant: name, stream: string, stream_seq: integer, about: [string], type: string, version: integer, actor: Actor, caused_by: evt_… | null, decision_id: dec_… | null, recorded_at: time, exercise: boolean, simulated: boolean, retention: string, body: any, … }",
    ),
    ("Entry", "{ index: integer, leaf: string, event: Envelope, links: any }"),
    ("Head", "{ size: integer, root: string, checkpoint: string, vkey: string }"),
    (
        "Receipt",
        "{ level: string, trust: string, index: integer, envelope: string, links: string, path: [string], checkpoint: string }",
    ),
    (
        "Verification",
        "{ id: verif_…, state: waiting | running | done | failed, replay: boolean, progress: { entries_done: integer, entries_total: integer, rows_compared: integer }, verdict: Verdict | null, problem: string | null }",
    ),
    (
        "Verdict",
        "{ ok: boolean, trust: string, finding: string | null, logs: [{ tenant: string, ok: boolean, size: integer | null, root: string | null, finding: string | null, rows_replayed: integer | null }] }",
    ),
];
