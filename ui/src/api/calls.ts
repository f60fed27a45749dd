// Every API operation that the page uses, by name, so that panels contain no URLs.
import { type Client, newIdempotencyKey, Unreachable } from './client'
import { evidenceCalls } from './evidence'
import { policyCalls } from './policies'
import { sectorCalls } from './sector'
import { workCalls } from './sector-work'
import { OPEN_STATUSES } from '../live/state'
import type { AssistanceAnswer, ClosingCode, ClosureClass, ComponentClass, HoldRequest, ImagePart, IncidentSeverity, InForce, JournalEntry, LatLon, NewRelease, OnCallRequest, OrderRequest, Registration, RolloutRequest, RouteRequest, StopClass, TripRequest, Workshop, ZoneKind } from './types'

/** The server's limit of items per page. */
const PAGE_MAX = 1000
/** Only this many of the newest trips are read whatever their status: ended trips are history. */
const NEWEST_LIMIT = 200
/** The entries of the journal that are read at once. */
const ENTRIES_MAX = 500

/** When a closure or zone is in force: by default from now on, until it is lifted. */
interface Validity {
  from?: string
  until?: string
}

interface Page<T> {
  items: T[]
  next: string | number | null
}

/** The body of a successful response; the client throws for every other. */
async function body<T>(response: Promise<{ data?: T }>): Promise<T> {
  const { data } = await response
  if (data === undefined) throw new Unreachable('the server answers without a body')
  return data
}

async function allPages<T>(readPage: (after?: string) => Promise<{ data?: Page<T> }>): Promise<T[]> {
  const items: T[] = []
  let after: string | undefined
  for (;;) {
    const { items: more, next } = await body(readPage(after))
    items.push(...more)
    if (next === null) return items
    after = String(next)
  }
}

const pageQuery = (after?: string) => ({ limit: PAGE_MAX, ...(after === undefined ? {} : { after }) })

const abortable = (signal?: AbortSignal) => (signal ? { signal } : {})

export const calls = (client: Client) => ({ ...evidenceCalls(client), ...policyCalls(client), ...sectorCalls(client), ...workCalls(client), ...fleetCalls(client) })

const fleetCalls = ({ operations: http }: Client) => ({
  sites: () => allPages((after) => http.GET('/v1/sites', { params: { query: pageQuery(after) } })),
  tiles: (site: string) => body(http.GET('/v1/sites/{site}/tiles', { params: { path: { site } } })),
  vehicles: (signal?: AbortSignal) =>
    allPages((after) => http.GET('/v1/vehicles', { params: { query: pageQuery(after) }, ...abortable(signal) })),
  vehicle: (vehicle: string) => body(http.GET('/v1/vehicles/{vehicle}', { params: { path: { vehicle } } })),
  register: (registration: Registration) => body(http.POST('/v1/vehicles', { body: registration })),
  identity: (vehicle: string) => body(http.GET('/v1/vehicles/{vehicle}/identity', { params: { path: { vehicle } } })),
  makeJoinToken: (vehicle: string, valid_minutes: number) =>
    body(http.POST('/v1/vehicles/{vehicle}/join-token', { params: { path: { vehicle } }, body: { valid_minutes } })),
  revokeIdentity: (vehicle: string, reason: string) =>
    body(http.POST('/v1/vehicles/{vehicle}/identity/revoke', { params: { path: { vehicle } }, body: { reason } })),
  decommission: (vehicle: string, reason: string) =>
    body(http.POST('/v1/vehicles/{vehicle}/decommission', { params: { path: { vehicle } }, body: { reason } })),
  vehicleCommands: (vehicle: string) => body(http.GET('/v1/vehicles/{vehicle}/commands', { params: { path: { vehicle } } })),
  /** All open trips, the newest of any status, and the newest that failed or expired, which are alerts for a while. */
  trips: async () => {
    const newest = ([{}, { status: 'FAILED' }, { status: 'EXPIRED' }] as const).map(async (filter) => {
      const { items } = await body(http.GET('/v1/trips', { params: { query: { limit: NEWEST_LIMIT, ...filter } } }))
      return items.toReversed()
    })
    const open = OPEN_STATUSES.map((status) =>
      allPages((after) => http.GET('/v1/trips', { params: { query: { status, ...pageQuery(after) } } })))
    return (await Promise.all([...newest, ...open])).flat()
  },
  /** A page of all trips, the newest first. */
  tripPage: async (after?: string) => {
    const { items, next } = await body(http.GET('/v1/trips', { params: { query: { limit: NEWEST_LIMIT, ...(after === undefined ? {} : { after }) } } }))
    return { items, next: next === null ? null : String(next) }
  },
  vehicleTrips: async (vehicle: string) => (await body(http.GET('/v1/trips', { params: { query: { vehicle, limit: 20 } } }))).items,
  trip: (trip: string) => body(http.GET('/v1/trips/{trip}', { params: { path: { trip } } })),
  route: (trip: string) => body(http.GET('/v1/trips/{trip}/route', { params: { path: { trip } } })),
  /** Samples of a vehicle, the oldest first. */
  samples: (vehicle: string, from: string, to: string) =>
    body(http.GET('/v1/vehicles/{vehicle}/telemetry', { params: { path: { vehicle }, query: { from, to, limit: 5000 } } })),
  timeline: (trip: string) => body(http.GET('/v1/trips/{trip}/why', { params: { path: { trip } } })),
  findRoute: (site: string, request: RouteRequest, signal?: AbortSignal) =>
    body(http.POST('/v1/sites/{site}/routes', { params: { path: { site } }, body: request, ...abortable(signal) })),
  requestTrip: (request: TripRequest, key = newIdempotencyKey()) =>
    body(http.POST('/v1/trips', { params: { header: { 'Idempotency-Key': key } }, body: request })),
  cancelTrip: (trip: string, reason: string) =>
    body(http.POST('/v1/trips/{trip}/cancel', { params: { path: { trip } }, body: { reason } })),
  resumeTrip: (trip: string, reason: string) =>
    body(http.POST('/v1/trips/{trip}/resume', { params: { path: { trip } }, body: { reason } })),
  failTrip: (trip: string, reason: string) =>
    body(http.POST('/v1/trips/{trip}/fail', { params: { path: { trip } }, body: { reason } })),
  assistances: () => allPages((after) => http.GET('/v1/assistance', { params: { query: pageQuery(after) } })),
  assistance: (assistance: string) => body(http.GET('/v1/assistance/{assistance}', { params: { path: { assistance } } })),
  takeAssistance: (assistance: string) =>
    body(http.POST('/v1/assistance/{assistance}/take', { params: { path: { assistance } } })),
  handBackAssistance: (assistance: string, lease: number) =>
    body(http.POST('/v1/assistance/{assistance}/hand-back', { params: { path: { assistance } }, body: { lease } })),
  answerAssistance: (assistance: string, answer: { lease: number; answer: AssistanceAnswer; reason: string; via?: LatLon[] }) =>
    body(http.POST('/v1/assistance/{assistance}/answer', { params: { path: { assistance } }, body: answer })),
  stopVehicle: (vehicle: string, stopClass: StopClass, place: LatLon | null, reason: string) =>
    body(http.POST('/v1/vehicles/{vehicle}/stop', { params: { path: { vehicle } }, body: { class: stopClass, place, reason } })),
  explainStop: (vehicle: string, stop: string, reason: string) =>
    body(http.POST('/v1/vehicles/{vehicle}/explain', { params: { path: { vehicle } }, body: { stop, reason } })),
  clearStop: (vehicle: string, stop: string) =>
    body(http.POST('/v1/vehicles/{vehicle}/clear', { params: { path: { vehicle } }, body: { stop } })),
  placeHold: (vehicle: string, hold: HoldRequest) =>
    body(http.POST('/v1/vehicles/{vehicle}/holds', { params: { path: { vehicle } }, body: hold })),
  releaseHold: (vehicle: string, hold: string) =>
    body(http.DELETE('/v1/vehicles/{vehicle}/holds/{hold}', { params: { path: { vehicle, hold } } })),
  inForce: async (site: string, signal: AbortSignal) => {
    const options = { params: { path: { site } }, signal }
    // Awaited together, so that neither rejection is unhandled if both fail.
    const [closures, zones, limits] = await Promise.all([
      body(http.GET('/v1/sites/{site}/closures', options)),
      body(http.GET('/v1/sites/{site}/zones', options)),
      body(http.GET('/v1/sites/{site}/speed-limits', options)),
    ])
    const inForce = new Map<string, InForce>()
    for (const { id, in_force } of [...closures.items, ...zones.items, ...limits.items]) if (in_force) inForce.set(id, in_force)
    return inForce
  },
  createClosure: (site: string, closure: { class: ClosureClass; polygon: LatLon[]; reason: string } & Validity) =>
    body(http.POST('/v1/sites/{site}/closures', { params: { path: { site } }, body: closure })),
  createZone: (site: string, zone: { name: string; kind: ZoneKind; class: ClosureClass; polygon: LatLon[] } & Validity) =>
    body(http.POST('/v1/sites/{site}/zones', { params: { path: { site } }, body: zone })),
  limitSpeed: (site: string, limit: { max_speed_mps: number; place?: string; polygon: LatLon[]; reason: string } & Validity) =>
    body(http.POST('/v1/sites/{site}/speed-limits', { params: { path: { site } }, body: limit })),
  liftRestriction: (site: string, restriction: string) =>
    body(http.DELETE('/v1/sites/{site}/restrictions/{restriction}', { params: { path: { site, restriction } } })),
  imageState: (sha256: string) => body(http.GET('/v1/images/{sha256}', { params: { path: { sha256 } } })),
  sendImagePart: (sha256: string, part: ImagePart, signal: AbortSignal) =>
    body(http.PUT('/v1/images/{sha256}', { params: { path: { sha256 } }, body: part, signal })),
  releases: async () => (await body(http.GET('/v1/releases'))).items,
  publishRelease: (release: NewRelease) => body(http.POST('/v1/releases', { body: release })),
  rollouts: () => allPages((after) => http.GET('/v1/rollouts', { params: { query: pageQuery(after) } })),
  rollout: (rollout: string) => body(http.GET('/v1/rollouts/{rollout}', { params: { path: { rollout } } })),
  rolloutPreview: (rollout: string) => body(http.GET('/v1/rollouts/{rollout}/preview', { params: { path: { rollout } } })),
  planRollout: (plan: RolloutRequest) => body(http.POST('/v1/rollouts', { body: plan })),
  startRollout: (rollout: string) => body(http.POST('/v1/rollouts/{rollout}/start', { params: { path: { rollout } } })),
  advanceRollout: (rollout: string) => body(http.POST('/v1/rollouts/{rollout}/advance', { params: { path: { rollout } } })),
  pauseRollout: (rollout: string, reason: string) => body(http.POST('/v1/rollouts/{rollout}/pause', { params: { path: { rollout } }, body: { reason } })),
  abortRollout: (rollout: string, reason: string) => body(http.POST('/v1/rollouts/{rollout}/abort', { params: { path: { rollout } }, body: { reason } })),
  /** Asks for it: a second person decides. */
  resumeRollout: (rollout: string, reason: string) => body(http.POST('/v1/rollouts/{rollout}/resume', { params: { path: { rollout } }, body: { reason } })),
  revertRollout: (rollout: string, reason: string) => body(http.POST('/v1/rollouts/{rollout}/revert', { params: { path: { rollout } }, body: { reason } })),
  fleetHealth: () => allPages((after) => http.GET('/v1/health', { params: { query: after === undefined ? {} : { after } } })),
  vehicleHealth: (vehicle: string) => body(http.GET('/v1/vehicles/{vehicle}/health', { params: { path: { vehicle } } })),
  /** What is kept of a component's life, the newest first. */
  readings: (vehicle: string, component: string) =>
    body(http.GET('/v1/vehicles/{vehicle}/components/{component}/readings', { params: { path: { vehicle, component } } })),
  groundVehicle: (vehicle: string) => body(http.POST('/v1/vehicles/{vehicle}/ground', { params: { path: { vehicle } } })),
  /** A page of work orders, the newest first. */
  orderPage: async (after?: string) => {
    const { items, next } = await body(http.GET('/v1/work-orders', { params: { query: pageQuery(after) } }))
    return { items, next: next === null ? null : String(next) }
  },
  order: (order: string) => body(http.GET('/v1/work-orders/{order}', { params: { path: { order } } })),
  requestOrder: (request: OrderRequest) => body(http.POST('/v1/work-orders', { body: request })),
  approveOrder: (order: string) => body(http.POST('/v1/work-orders/{order}/approve', { params: { path: { order } } })),
  startOrder: (order: string) => body(http.POST('/v1/work-orders/{order}/start', { params: { path: { order } } })),
  holdOrder: (order: string, reason: string) => body(http.POST('/v1/work-orders/{order}/hold', { params: { path: { order } }, body: { reason } })),
  resumeOrder: (order: string) => body(http.POST('/v1/work-orders/{order}/resume', { params: { path: { order } } })),
  tickStep: (order: string, step: number) => body(http.POST('/v1/work-orders/{order}/step', { params: { path: { order } }, body: { step } })),
  completeOrder: (order: string, closing: ClosingCode, notes: string | null) =>
    body(http.POST('/v1/work-orders/{order}/complete', { params: { path: { order } }, body: { closing, notes } })),
  verifyOrder: (order: string) => body(http.POST('/v1/work-orders/{order}/verify', { params: { path: { order } } })),
  reopenOrder: (order: string, reason: string) => body(http.POST('/v1/work-orders/{order}/reopen', { params: { path: { order } }, body: { reason } })),
  returnVehicle: (order: string) => body(http.POST('/v1/work-orders/{order}/return', { params: { path: { order } } })),
  cancelOrder: (order: string, reason: string) => body(http.POST('/v1/work-orders/{order}/cancel', { params: { path: { order } }, body: { reason } })),
  workshop: () => body(http.GET('/v1/workshop')),
  setWorkshop: (workshop: Workshop) => body(http.PUT('/v1/workshop', { body: workshop })),
  models: async () => (await body(http.GET('/v1/models'))).items,
  trainModel: (of: ComponentClass) => body(http.POST('/v1/models/{class}/train', { params: { path: { class: of } } })),
  promoteModel: (of: ComponentClass, number: number, reason: string) =>
    body(http.POST('/v1/models/{class}/promote', { params: { path: { class: of } }, body: { number, reason } })),
  rollBackModel: (of: ComponentClass, reason: string) =>
    body(http.POST('/v1/models/{class}/roll-back', { params: { path: { class: of } }, body: { reason } })),
  /** A page of incidents, the newest first. */
  incidentPage: async (after?: string) => {
    const { items, next } = await body(http.GET('/v1/incidents', { params: { query: { limit: NEWEST_LIMIT, ...(after === undefined ? {} : { after }) } } }))
    return { items, next: next === null ? null : String(next) }
  },
  incident: (incident: string) => body(http.GET('/v1/incidents/{incident}', { params: { path: { incident } } })),
  incidentTimeline: (incident: string) => body(http.GET('/v1/incidents/{incident}/timeline', { params: { path: { incident } } })),
  incidentReport: (incident: string) => body(http.GET('/v1/incidents/{incident}/report', { params: { path: { incident } } })),
  artefact: (incident: string, sha256: string) =>
    body(http.GET('/v1/incidents/{incident}/artefacts/{sha256}', { params: { path: { incident, sha256 } } })),
  acknowledgeIncident: (incident: string) => body(http.POST('/v1/incidents/{incident}/acknowledge', { params: { path: { incident } } })),
  setSeverity: (incident: string, severity: IncidentSeverity, reason: string) =>
    body(http.POST('/v1/incidents/{incident}/severity', { params: { path: { incident } }, body: { severity, reason } })),
  isolate: (incident: string) => body(http.POST('/v1/incidents/{incident}/isolate', { params: { path: { incident } } })),
  revokeAccess: (incident: string) => body(http.POST('/v1/incidents/{incident}/revoke', { params: { path: { incident } } })),
  investigate: (incident: string) => body(http.POST('/v1/incidents/{incident}/investigate', { params: { path: { incident } } })),
  askDiagnostics: (incident: string) => body(http.POST('/v1/incidents/{incident}/diagnostics', { params: { path: { incident } } })),
  /** Asks for it: a second person decides. */
  askRecovery: (incident: string, reason: string) => body(http.POST('/v1/incidents/{incident}/recover', { params: { path: { incident } }, body: { reason } })),
  escalateIncident: (incident: string, team: string, reason: string) =>
    body(http.POST('/v1/incidents/{incident}/escalate', { params: { path: { incident } }, body: { team, reason } })),
  closeIncident: (incident: string, lessons: string) =>
    body(http.POST('/v1/incidents/{incident}/close', { params: { path: { incident } }, body: { lessons } })),
  beginDrill: (vehicle: string, severity: IncidentSeverity) => body(http.POST('/v1/drills', { body: { vehicle, severity } })),
  detections: async () => (await body(http.GET('/v1/detections'))).items,
  replayDetections: (range: { from?: number; until?: number }) => body(http.GET('/v1/detections/replay', { params: { query: range } })),
  onCall: () => body(http.GET('/v1/on-call')),
  setOnCall: (rotation: OnCallRequest) => body(http.PUT('/v1/on-call', { body: rotation })),
  vehicleUpdates: (vehicle: string) => body(http.GET('/v1/vehicles/{vehicle}/updates', { params: { path: { vehicle } } })),
  /** Every entry about a subject, such as `vehicle/veh_…`, from an index of the journal on. */
  journalAbout: async (about: string, index: number) => {
    const entries: JournalEntry[] = []
    for (let from: number | null = index; from !== null;) {
      const { items, next }: Page<JournalEntry> = await body(http.GET('/v1/journal', { params: { query: { about, from, limit: ENTRIES_MAX } } }))
      entries.push(...items)
      from = items.length < ENTRIES_MAX || next === null ? null : Number(next)
    }
    return entries
  },
  proof: (event: string) => body(http.GET('/v1/journal/{event}/proof', { params: { path: { event } } })),
  journalHead: () => body(http.GET('/v1/journal/head')),
  entries: async (query: { from: number; limit: number; about?: string }) => (await body(http.GET('/v1/journal', { params: { query } }))).items,
  beginVerification: (replay: boolean) => body(http.POST('/v1/journal/verify', { body: { replay } })),
  verification: (verification: string) => body(http.GET('/v1/journal/verify/{verification}', { params: { path: { verification } } })),
  journal: (index: number, wait_ms: number, signal?: AbortSignal) =>
    body(http.GET('/v1/journal', { params: { query: { from: index, limit: ENTRIES_MAX, wait_ms } }, ...abortable(signal) })),
})

export type Calls = ReturnType<typeof calls>
