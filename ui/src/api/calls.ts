// Every operation that the page uses, by name; panels never spell an address.
import { type Client, newKey, Unreachable } from './client'
import { OPEN } from '../live/state'
import type { AssistAnswer, ClosureClass, InForce, LatLon, RouteWish, StopClass, TripWish, ZoneKind } from './types'

/** The most items of one answer, as the server has it. */
const PAGE_MAX = 1000
/** So many of the trips that have ended are read: they are history, and need nobody. */
const ENDED_READ = 200

/** When a closure or zone begins and ends; without them now, and when somebody lifts it. */
interface Times {
  from?: string
  until?: string
}

interface Page<T> {
  items: T[]
  next: string | number | null
}

/** The body of an answer. Refusals were thrown on the way. */
async function body<T>(asked: Promise<{ data?: T }>): Promise<T> {
  const { data } = await asked
  if (data === undefined) throw new Unreachable('the server answers without a body')
  return data
}

/** All items of a list, page by page. */
async function all<T>(page: (after?: string) => Promise<{ data?: Page<T> }>): Promise<T[]> {
  const items: T[] = []
  let after: string | undefined
  for (;;) {
    const { items: more, next } = await body(page(after))
    items.push(...more)
    if (next === null) return items
    after = String(next)
  }
}

/** Where to go on in a list. */
const from = (after?: string) => ({ limit: PAGE_MAX, ...(after === undefined ? {} : { after }) })

/** Whether the caller still waits for it. */
const during = (signal?: AbortSignal) => (signal ? { signal } : {})

export const calls = ({ operations: at }: Client) => ({
  sites: () => all((after) => at.GET('/v1/sites', { params: { query: from(after) } })),
  tiles: (site: string) => body(at.GET('/v1/sites/{site}/tiles', { params: { path: { site } } })),
  vehicles: (signal?: AbortSignal) =>
    all((after) => at.GET('/v1/vehicles', { params: { query: from(after) }, ...during(signal) })),
  vehicle: (vehicle: string) => body(at.GET('/v1/vehicles/{vehicle}', { params: { path: { vehicle } } })),
  vehicleCommands: (vehicle: string) => body(at.GET('/v1/vehicles/{vehicle}/commands', { params: { path: { vehicle } } })),
  /** Every trip that has not ended, however old, and the newest of those that have and of those that went wrong. */
  trips: async () => {
    const newest = ([{}, { status: 'FAILED' }, { status: 'EXPIRED' }] as const).map(async (which) => {
      const { items } = await body(at.GET('/v1/trips', { params: { query: { limit: ENDED_READ, ...which } } }))
      return items.toReversed()
    })
    const open = OPEN.map((status) =>
      all((after) => at.GET('/v1/trips', { params: { query: { status, ...from(after) } } })))
    return (await Promise.all([...newest, ...open])).flat()
  },
  trip: (trip: string) => body(at.GET('/v1/trips/{trip}', { params: { path: { trip } } })),
  route: (trip: string) => body(at.GET('/v1/trips/{trip}/route', { params: { path: { trip } } })),
  why: (trip: string) => body(at.GET('/v1/trips/{trip}/why', { params: { path: { trip } } })),
  findRoute: (site: string, wish: RouteWish, signal?: AbortSignal) =>
    body(at.POST('/v1/sites/{site}/routes', { params: { path: { site } }, body: wish, ...during(signal) })),
  requestTrip: (wish: TripWish, key = newKey()) =>
    body(at.POST('/v1/trips', { params: { header: { 'Idempotency-Key': key } }, body: wish })),
  cancelTrip: (trip: string, reason: string) =>
    body(at.POST('/v1/trips/{trip}/cancel', { params: { path: { trip } }, body: { reason } })),
  resumeTrip: (trip: string, reason: string) =>
    body(at.POST('/v1/trips/{trip}/resume', { params: { path: { trip } }, body: { reason } })),
  failTrip: (trip: string, reason: string) =>
    body(at.POST('/v1/trips/{trip}/fail', { params: { path: { trip } }, body: { reason } })),
  assistances: () => all((after) => at.GET('/v1/assistance', { params: { query: from(after) } })),
  assistance: (assistance: string) => body(at.GET('/v1/assistance/{assistance}', { params: { path: { assistance } } })),
  takeAssistance: (assistance: string) =>
    body(at.POST('/v1/assistance/{assistance}/take', { params: { path: { assistance } } })),
  handBackAssistance: (assistance: string, lease: number) =>
    body(at.POST('/v1/assistance/{assistance}/hand-back', { params: { path: { assistance } }, body: { lease } })),
  answerAssistance: (assistance: string, given: { lease: number; answer: AssistAnswer; reason: string; via?: LatLon[] }) =>
    body(at.POST('/v1/assistance/{assistance}/answer', { params: { path: { assistance } }, body: given })),
  stop: (vehicle: string, stop: StopClass, reason: string) =>
    body(at.POST('/v1/vehicles/{vehicle}/stop', { params: { path: { vehicle } }, body: { class: stop, reason } })),
  explain: (vehicle: string, stop: string, reason: string) =>
    body(at.POST('/v1/vehicles/{vehicle}/explain', { params: { path: { vehicle } }, body: { stop, reason } })),
  clear: (vehicle: string, stop: string) =>
    body(at.POST('/v1/vehicles/{vehicle}/clear', { params: { path: { vehicle } }, body: { stop } })),
  inForce: async (site: string, signal: AbortSignal) => {
    const asked = { params: { path: { site } }, signal }
    // As one: the second that fails beside the first has nobody who waits for it.
    const [closures, zones] = await Promise.all([
      body(at.GET('/v1/sites/{site}/closures', asked)),
      body(at.GET('/v1/sites/{site}/zones', asked)),
    ])
    const told = new Map<string, InForce>()
    for (const { id, in_force } of [...closures.items, ...zones.items]) if (in_force) told.set(id, in_force)
    return told
  },
  close: (site: string, closure: { class: ClosureClass; polygon: LatLon[]; reason: string } & Times) =>
    body(at.POST('/v1/sites/{site}/closures', { params: { path: { site } }, body: closure })),
  drawZone: (site: string, zone: { name: string; kind: ZoneKind; class: ClosureClass; polygon: LatLon[] } & Times) =>
    body(at.POST('/v1/sites/{site}/zones', { params: { path: { site } }, body: zone })),
  lift: (site: string, restriction: string) =>
    body(at.DELETE('/v1/sites/{site}/restrictions/{restriction}', { params: { path: { site, restriction } } })),
  journalHead: () => body(at.GET('/v1/journal/head')),
  journal: (index: number, wait_ms: number, signal?: AbortSignal) =>
    body(at.GET('/v1/journal', { params: { query: { from: index, limit: 500, wait_ms } }, ...during(signal) })),
})

export type Calls = ReturnType<typeof calls>
