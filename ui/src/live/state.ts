// What a vehicle's or a trip's state is called, and how it looks. One table for map, list and legend, so that a shape
// means the same everywhere.
import type { Trip, Vehicle } from '../api/types'

export type Look = 'carrying' | 'coming' | 'ready' | 'attended' | 'held' | 'stopped' | 'offline'

/** In the order of the shader's table; `urgency` sorts lists and says what alarms. */
export const LOOKS: readonly { look: Look; name: string; what: string; urgency: number }[] = [
  { look: 'carrying', name: 'Carrying', what: 'people or load aboard', urgency: 3 },
  { look: 'coming', name: 'Under way', what: 'claimed by a trip, empty', urgency: 2 },
  { look: 'ready', name: 'Ready', what: 'free for a trip', urgency: 1 },
  { look: 'attended', name: 'With a person', what: 'remote, manual or service mode', urgency: 4 },
  { look: 'held', name: 'Held', what: 'not to be dispatched', urgency: 5 },
  { look: 'stopped', name: 'Stopped', what: 'stands for safety or by order', urgency: 7 },
  { look: 'offline', name: 'Offline', what: 'silent for too long', urgency: 6 },
]

/** A position older than this is shown as stale, in milliseconds. */
export const STALE_MS = 12_000

const NUMBER = new Map(LOOKS.map(({ look }, number) => [look, number]))

export function lookNumber(look: Look): number {
  return NUMBER.get(look) ?? 0
}

export function lookName(look: Look): string {
  return LOOKS[lookNumber(look)]?.name ?? look
}

export function urgency(look: Look): number {
  return LOOKS[lookNumber(look)]?.urgency ?? 0
}

/** The most urgent thing that is true of a vehicle; `asks` is whether its trip asks for a person, whatever its status says. */
export function lookOf(vehicle: Vehicle, trip: Trip | undefined, asks: boolean): Look {
  if (vehicle.stop || vehicle.mode === 'ESTOP') return 'stopped'
  if (vehicle.status !== 'ONLINE') return 'offline'
  if (vehicle.claim && (asks || (trip && phaseOf(trip.status) === 'trouble'))) return 'stopped'
  if (vehicle.holds.length > 0) return 'held'
  if (vehicle.mode !== 'AUTONOMOUS') return 'attended'
  if (vehicle.claim) return trip?.occupied ? 'carrying' : 'coming'
  return 'ready'
}

export type Phase = 'waiting' | 'active' | 'trouble' | 'done' | 'failed'

/** In the order of a trip's life. A status that the server gains is missed by the compiler here, and by nobody later. */
const PHASES: Record<Trip['status'], Phase> = {
  SCHEDULED: 'waiting', CREATED: 'waiting', WAITING: 'waiting',
  ASSIGNED: 'active', DISPATCHED: 'active', TO_PICKUP: 'active', AT_PICKUP: 'active', ON_TRIP: 'active',
  PAUSED: 'trouble', AWAITING_ASSIST: 'trouble', SAFE_STOPPED: 'trouble', STRANDED: 'trouble',
  AT_DROPOFF: 'active', COMPLETED: 'done', CANCELLED: 'failed', FAILED: 'failed', EXPIRED: 'failed',
}

export function phaseOf(status: Trip['status']): Phase {
  return PHASES[status]
}

function isUnended(status: Trip['status']): boolean {
  return !['done', 'failed'].includes(PHASES[status])
}

/** Every status of a trip that has not ended. */
export const OPEN = (Object.keys(PHASES) as Trip['status'][]).filter(isUnended)

export function isOpen(trip: Trip): boolean {
  return isUnended(trip.status)
}

/** What a stop says until somebody writes why it was ordered. */
export const UNEXPLAINED = 'No reason given yet'

/** `TO_PICKUP` as people read it. */
export function words(name: string): string {
  const text = name.toLowerCase().replaceAll('_', ' ')
  return text.charAt(0).toUpperCase() + text.slice(1)
}
