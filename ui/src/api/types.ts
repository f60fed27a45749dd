// What the server answers, as far as the page reads it. The names are the API's own; see docs/guides/api.md.

export interface LatLon {
  lat: number
  lon: number
}

export type Role = 'administrator' | 'dispatcher' | 'safety_officer' | 'technician' | 'auditor' | 'viewer'

export interface Hold {
  id: string
  kind: string
  owner: string
  reason: string
  timing: string
  placed_at: string
}

export type StopClass = 'now' | 'nearest_admissible'

export interface Stop {
  id: string
  class: StopClass
  reason: string
  ordered_at: string
}

export interface Vehicle {
  id: string
  name: string
  site: string
  status: 'REGISTERED' | 'ONLINE' | 'OFFLINE' | 'DECOMMISSIONED'
  mode: 'AUTONOMOUS' | 'REMOTE' | 'MANUAL' | 'SERVICE' | 'ESTOP'
  ready: boolean
  holds: Hold[]
  claim: { trip: string; epoch: number } | null
  claim_epoch: number
  stop: Stop | null
  profile: { seats: number; payload_max_kg: number; max_speed_mps: number; simulated: boolean }
  capabilities: string[]
  registered_at: string
  seen: { at: string; battery_pct: number; position: LatLon | null; parked: boolean; odometer_m: number } | null
}

export interface RouteSummary {
  route: string
  version: number
  distance_m: number
  duration_ms: number
  approach_m: number
  approach_ms: number
  binding: string[]
  zones: string[]
}

export interface Trip {
  id: string
  site: string
  kind: string
  status: string
  stops: { at: LatLon }[]
  priority: number
  requirements: { passengers: number; payload_kg: number; capabilities: string[] }
  vehicle: string | null
  occupied: boolean
  route: RouteSummary | null
  wait: { code: string; reason: string; policies: string[]; since: string } | null
  assignment: { pickup_expected_at: string; milestone: string } | null
  ended: { at: string; code: string; reason: string } | null
  violations?: Record<string, { response: string; opened_at: string }>
  progress?: { distance_m: number; remaining_m: number; eta: string } | null
  created_at: string
}

export interface Way {
  points: LatLon[]
}

export interface TripRoute extends RouteSummary {
  trip: string
  points: LatLon[]
  approach: Way | null
}

export interface Reason {
  policy_id: string
  layer: string
  version: string
  text: string
  advice?: string
}

export interface Fact {
  name: string
  value: boolean | number | string | string[]
  age_ms: number
}

export interface Decision {
  id: string
  action: string
  verdict: 'allow' | 'deny'
  reasons: Reason[]
  constraints: Record<string, unknown>
  constraint_sources: { constraint?: string; policy_id?: string }[]
  facts: Fact[]
  decided_at: string
  bundle: string
}

export interface StoryStep {
  n: number
  at: string
  event: string
  summary: string
  actor: { id: string; role?: string }
  decision: Decision | null
}

export interface Story {
  trip: string
  status: string
  steps: StoryStep[]
}

export type ClosureClass = 'no_entry' | 'stop' | 'evacuate'
export type ZoneKind = 'avoided' | 'blast' | 'exclusive'

export interface Restriction {
  id: string
  type: 'zone' | 'closure'
  polygon: LatLon[]
  owner: string
  name?: string
  kind?: ZoneKind
  class?: ClosureClass
  reason?: string
  from?: string
  until?: string | null
}

/** On how many vehicles of the site a closure or zone holds, and who has not confirmed it. */
export interface InForce {
  on: number
  of: number
  waiting: { id: string; name: string }[]
}

export interface Site {
  site: string
  map: { version: number; digest: string; nodes: number; edges: number }
  restrictions: Restriction[]
}

export type AssistAnswer = 'wait' | 'proceed' | 'choose_path' | 'stop' | 'send_crew'

/** A vehicle's request for a person. */
export interface Assistance {
  id: string
  status: 'ASKED' | 'TAKEN' | 'DONE'
  trip: string
  vehicle: string
  kind: string
  at: LatLon
  occupied: boolean
  snapshot: { sha256: string; media_type: string; base64?: string | null } | null
  lease: { number: number; by: string; until: string } | null
  answers: { answer: AssistAnswer; by: string; at: string; reason: string; outcome: { state: 'pending' | 'accepted' | 'refused'; code?: string; reason?: string } }[]
  asked_at: string
}

export interface TileIndex {
  bounds: [number, number, number, number] | null
  maxzoom: number
  version: string
}

export interface VehicleCommand {
  id: string
  kind: string
  class: string | null
  state: string
  issued_at: string
  expires_at: string | null
  reason: string | null
}

export interface Envelope {
  id: string
  stream: string
  about: string[]
  type: string
  actor: { id: string }
  recorded_at: string
  body: Record<string, unknown>
}

export interface JournalEntry {
  index: number
  event: Envelope
}

export interface Page<T> {
  items: T[]
  next: string | number | null
}

/** RFC 9457 problem details. */
export interface ProblemBody {
  type: string
  title: string
  status: number
  code: string
  detail: string
  errors?: { field: string; message: string }[]
  decision?: Decision
}
