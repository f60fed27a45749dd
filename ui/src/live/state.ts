// States of vehicles and trips as the page shows them: one table for map, lists and legend, so that a symbol means the
// same everywhere.
import type { Trip, Vehicle } from '../api/types'
import { say } from '../state/sector.svelte'

export type VehicleState = 'carrying' | 'coming' | 'ready' | 'attended' | 'held' | 'stopped' | 'offline'

/** The index is the number that the shader gets; `urgency` sorts lists and decides what alarms. */
export const VEHICLE_STATES: readonly { state: VehicleState; label: string; description: string; urgency: number }[] = [
  { state: 'carrying', label: 'Carrying', get description() { return say('people or {load.one} aboard') }, urgency: 3 },
  { state: 'coming', label: 'Under way', get description() { return say('claimed by {trip.a}, empty') }, urgency: 2 },
  { state: 'ready', label: 'Ready', get description() { return say('free for {trip.a}') }, urgency: 1 },
  { state: 'attended', label: 'With a person', description: 'remote, manual or service mode', urgency: 4 },
  { state: 'held', label: 'Held', get description() { return say('not to be {dispatch.past}') }, urgency: 5 },
  { state: 'stopped', label: 'Stopped', description: 'stands for safety or by order', urgency: 7 },
  { state: 'offline', label: 'Offline', description: 'silent for too long', urgency: 6 },
]

/** A position older than this, in milliseconds, is shown as stale. */
export const STALE_MS = 12_000

const INDEX = new Map(VEHICLE_STATES.map(({ state }, index) => [state, index]))

export function stateIndex(state: VehicleState): number {
  return INDEX.get(state) ?? 0
}

export function stateLabel(state: VehicleState): string {
  return VEHICLE_STATES[stateIndex(state)]?.label ?? state
}

export function urgency(state: VehicleState): number {
  return VEHICLE_STATES[stateIndex(state)]?.urgency ?? 0
}

/** The most urgent state that applies; `needsAssistance` counts whatever the status of the vehicle's trip is. */
export function vehicleStateOf(vehicle: Vehicle, trip: Trip | undefined, needsAssistance: boolean): VehicleState {
  if (vehicle.stop || vehicle.mode === 'ESTOP') return 'stopped'
  if (vehicle.status !== 'ONLINE') return 'offline'
  if (vehicle.claim && (needsAssistance || (trip && phaseOf(trip.status) === 'trouble'))) return 'stopped'
  if (vehicle.holds.length > 0) return 'held'
  if (vehicle.mode !== 'AUTONOMOUS') return 'attended'
  if (vehicle.claim) return trip?.occupied ? 'carrying' : 'coming'
  return 'ready'
}

export type TripPhase = 'waiting' | 'active' | 'trouble' | 'done' | 'failed'

/** A `Record`, so that a status that the API gains does not compile until it has a phase here. */
const TRIP_PHASES: Record<Trip['status'], TripPhase> = {
  SCHEDULED: 'waiting', CREATED: 'waiting', WAITING: 'waiting',
  ASSIGNED: 'active', DISPATCHED: 'active', TO_PICKUP: 'active', AT_PICKUP: 'active', ON_TRIP: 'active',
  PAUSED: 'trouble', AWAITING_ASSIST: 'trouble', SAFE_STOPPED: 'trouble', STRANDED: 'trouble',
  AT_DROPOFF: 'active', COMPLETED: 'done', CANCELLED: 'failed', FAILED: 'failed', EXPIRED: 'failed',
}

export function phaseOf(status: Trip['status']): TripPhase {
  return TRIP_PHASES[status]
}

function isOpenStatus(status: Trip['status']): boolean {
  return !['done', 'failed'].includes(TRIP_PHASES[status])
}

/** Every status of a trip that has not ended. */
export const OPEN_STATUSES = (Object.keys(TRIP_PHASES) as Trip['status'][]).filter(isOpenStatus)

export function isOpen(trip: Trip): boolean {
  return isOpenStatus(trip.status)
}

/** The reason of a stop until an operator writes why it was ordered. */
export const UNEXPLAINED_REASON = 'No reason given yet'

/** Names of the API that say little as they are. */
const WORDS: Record<string, string> = {
  AWAITING_ASSIST: 'Awaiting assistance', SAFE_STOPPED: 'Stopped for safety', ESTOP: 'Emergency stop pressed',
  nearest_admissible: 'At the nearest place', at_place: 'At a named place', next_admissible: 'At the next place',
  'identity join_token_issued': 'Join token made', 'identity svid_issued': 'Certificate made', 'identity svid_used': 'Certificate in use',
}

/** `ON_TRIP` becomes `On trip`. */
export function humanize(name: string): string {
  const known = WORDS[name]
  if (known) return known
  const text = name.toLowerCase().replaceAll('_', ' ')
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** What a trip is called: `Passenger trip 4a9spz`; a sector's word that has the kind in it, such as `Haul cycle`, stands alone. */
export function tripTitle({ id, kind }: Pick<Trip, 'id' | 'kind'>): string {
  const [noun, label] = [say('{trip.one}'), humanize(kind)]
  return `${noun.toLowerCase().includes(label.toLowerCase()) ? say('{trip.One}') : `${label} ${noun}`} ${id.slice(-6)}`
}

/** What the status of a trip is called where a word of the sector is in it. */
const TRIP_WORDS: Partial<Record<Trip['status'], string>> = {
  DISPATCHED: '{dispatch.Past}', TO_PICKUP: 'To {origin.one}', AT_PICKUP: 'At {origin.one}', ON_TRIP: 'On {trip.one}', AT_DROPOFF: 'At {destination.one}',
  COMPLETED: '{complete.Past}', CANCELLED: '{cancel.Past}',
}

export function tripStatusLabel(status: Trip['status']): string {
  const words = TRIP_WORDS[status]
  return words ? say(words) : humanize(status)
}
