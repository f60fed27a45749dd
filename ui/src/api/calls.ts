// Every operation that the page uses, by name; panels never spell an address.
import { type Client, newKey } from './client'
import type {
  AssistAnswer, Assistance, ClosureClass, InForce, JournalEntry, LatLon, Page, Site, StopClass, Story, TileIndex, Trip, TripRoute, Vehicle, VehicleCommand,
  ZoneKind,
} from './types'

/** The most items of one answer, as the server has it. */
const PAGE_MAX = 1000

export interface TripWish {
  site: string
  kind: string
  origin: LatLon
  destination: LatLon
  requirements: { passengers: number; payload_kg: number }
  priority: number
}

/** When a closure or zone begins and ends; without them now, and when somebody lifts it. */
interface Times {
  from?: string
  until?: string
}

/** All items of a list, page by page. */
async function all<T>(client: Client, path: string, signal?: AbortSignal): Promise<T[]> {
  const items: T[] = []
  let after = ''
  for (;;) {
    const page = await client.ask<Page<T>>(`${path}?limit=${PAGE_MAX}${after}`, signal ? { signal } : {})
    items.push(...page.items)
    if (page.next === null) return items
    after = `&after=${encodeURIComponent(String(page.next))}`
  }
}

export const calls = (client: Client) => ({
  sites: () => all<Site>(client, '/v1/sites'),
  tiles: (site: string) => client.ask<TileIndex>(`/v1/sites/${site}/tiles`),
  vehicles: (signal?: AbortSignal) => all<Vehicle>(client, '/v1/vehicles', signal),
  vehicle: (id: string) => client.ask<Vehicle>(`/v1/vehicles/${id}`),
  vehicleCommands: (id: string) => client.ask<Page<VehicleCommand>>(`/v1/vehicles/${id}/commands`),
  trips: (limit = 200) => client.ask<Page<Trip>>(`/v1/trips?limit=${limit}`),
  trip: (id: string) => client.ask<Trip>(`/v1/trips/${id}`),
  route: (id: string) => client.ask<TripRoute>(`/v1/trips/${id}/route`),
  why: (id: string) => client.ask<Story>(`/v1/trips/${id}/why`),
  requestTrip: (wish: TripWish, key = newKey()) =>
    client.ask<Trip>('/v1/trips', { method: 'POST', body: wish, idempotencyKey: key }),
  cancelTrip: (id: string, reason: string) =>
    client.ask<Trip>(`/v1/trips/${id}/cancel`, { method: 'POST', body: { reason } }),
  resumeTrip: (id: string, reason: string) =>
    client.ask<Trip>(`/v1/trips/${id}/resume`, { method: 'POST', body: { reason } }),
  failTrip: (id: string, reason: string) =>
    client.ask<Trip>(`/v1/trips/${id}/fail`, { method: 'POST', body: { reason } }),
  assistances: () => all<Assistance>(client, '/v1/assistance'),
  assistance: (id: string) => client.ask<Assistance>(`/v1/assistance/${id}`),
  takeAssistance: (id: string) => client.ask<Assistance>(`/v1/assistance/${id}/take`, { method: 'POST' }),
  handBackAssistance: (id: string, lease: number) =>
    client.ask<Assistance>(`/v1/assistance/${id}/hand-back`, { method: 'POST', body: { lease } }),
  answerAssistance: (id: string, body: { lease: number; answer: AssistAnswer; reason: string; via?: LatLon[] }) =>
    client.ask<Assistance>(`/v1/assistance/${id}/answer`, { method: 'POST', body }),
  stop: (id: string, stop: StopClass, reason: string) =>
    client.ask<{ stop: string; delivery: 'sent' | 'waiting'; recorded: 'journal' | 'emergency' }>(
      `/v1/vehicles/${id}/stop`, { method: 'POST', body: { class: stop, reason } },
    ),
  clear: (id: string, stop: string) =>
    client.ask<{ stop: string }>(`/v1/vehicles/${id}/clear`, { method: 'POST', body: { stop } }),
  inForce: async (site: string, signal: AbortSignal) => {
    const read = (what: string) => all<{ id: string; in_force: InForce }>(client, `/v1/sites/${site}/${what}`, signal)
    const both = await Promise.all([read('closures'), read('zones')])
    return new Map(both.flat().map(({ id, in_force }) => [id, in_force]))
  },
  close: (site: string, body: { class: ClosureClass; polygon: LatLon[]; reason: string } & Times) =>
    client.ask<{ id: string }>(`/v1/sites/${site}/closures`, { method: 'POST', body }),
  drawZone: (site: string, body: { name: string; kind: ZoneKind; class: ClosureClass; polygon: LatLon[] } & Times) =>
    client.ask<{ id: string }>(`/v1/sites/${site}/zones`, { method: 'POST', body }),
  lift: (site: string, id: string) =>
    client.ask<{ id: string }>(`/v1/sites/${site}/restrictions/${id}`, { method: 'DELETE' }),
  journalHead: () => client.ask<{ size: number }>('/v1/journal/head'),
  journal: (from: number, waitMs: number, signal?: AbortSignal) =>
    client.ask<Page<JournalEntry>>(
      `/v1/journal?from=${from}&limit=500&wait_ms=${waitMs}`,
      { limitMs: waitMs + 10_000, ...(signal ? { signal } : {}) },
    ),
})

export type Calls = ReturnType<typeof calls>
