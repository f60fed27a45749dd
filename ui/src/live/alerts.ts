// What needs a person, read off the state as it is: an alert goes away when its cause does, and not before.
import type { Assistance, Trip, Vehicle } from '../api/types'
import { words } from './state'

export type Severity = 'critical' | 'serious' | 'notice'

export interface Alert {
  /** The same for the same cause, so that what was seen stays seen. */
  id: string
  severity: Severity
  title: string
  text: string
  since: string
  about: { kind: 'vehicle' | 'trip'; id: string }
}

/** How long an ended trip that went wrong is worth a word, in milliseconds. */
const RECENT_MS = 30 * 60_000
/** How long a trip may wait before that is worth a word, in milliseconds. */
const WAITS_LONG_MS = 120_000
const RANK: Record<Severity, number> = { critical: 0, serious: 1, notice: 2 }

/** `asking` has the open requests for a person by trip: one alarms whatever is known of its trip. */
export function alertsOf(
  vehicles: Iterable<Vehicle>, trips: ReadonlyMap<string, Trip>, asking: ReadonlyMap<string, Assistance>, now: number,
): Alert[] {
  const alerts: Alert[] = []
  for (const vehicle of vehicles) alerts.push(...ofVehicle(vehicle))
  for (const trip of trips.values()) alerts.push(...ofTrip(trip, asking.get(trip.id), now))
  for (const request of asking.values()) if (!trips.has(request.trip)) alerts.push(ofUnknown(request))
  return alerts.sort((a, b) => RANK[a.severity] - RANK[b.severity] || b.since.localeCompare(a.since))
}

function ofVehicle(vehicle: Vehicle): Alert[] {
  const about = { kind: 'vehicle' as const, id: vehicle.id }
  const alerts: Alert[] = []
  const say = (id: string, severity: Severity, title: string, text: string, since: string) =>
    alerts.push({ id: `${vehicle.id}/${id}`, severity, title: `${vehicle.name}: ${title}`, text, since, about })
  const seen = vehicle.seen?.at ?? vehicle.registered_at
  if (vehicle.stop) {
    const place = vehicle.stop.class === 'now' ? 'at once' : 'at the nearest place where it may stand'
    say(vehicle.stop.id, 'critical', 'stop in force', `Ordered ${place}: ${vehicle.stop.reason}`, vehicle.stop.ordered_at)
  }
  if (vehicle.mode === 'ESTOP') say('estop', 'critical', 'emergency stop pressed', 'Nobody drives it.', seen)
  if (vehicle.status === 'OFFLINE') {
    const text = vehicle.claim ? 'It was on a trip when it fell silent.' : 'It has no trip.'
    say('offline', vehicle.claim ? 'critical' : 'serious', 'silent', text, seen)
  }
  for (const hold of vehicle.holds) say(hold.id, 'notice', `held, ${words(hold.kind).toLowerCase()}`, hold.reason, hold.placed_at)
  if (vehicle.seen && vehicle.seen.battery_pct < 15 && vehicle.status === 'ONLINE') {
    say('battery', 'serious', 'battery low', `${Math.round(vehicle.seen.battery_pct)} % left.`, seen)
  }
  return alerts
}

const ASKS = ['critical', 'needs a person', 'The vehicle waits for an answer.'] as const

const TROUBLES: Partial<Record<Trip['status'], readonly [Severity, string, string]>> = {
  STRANDED: ['critical', 'stranded', 'The vehicle cannot go on.'],
  AWAITING_ASSIST: ASKS,
  SAFE_STOPPED: ['serious', 'stopped for safety', 'The vehicle stands.'],
  PAUSED: ['notice', 'paused', 'The vehicle stands for a while.'],
}

const nameOf = (trip: string) => `Trip ${trip.slice(-6)}`

/** Of a request whose trip was not read yet. */
function ofUnknown({ trip, asked_at }: Assistance): Alert {
  const [severity, title, text] = ASKS
  const about = { kind: 'trip' as const, id: trip }
  return { id: `${trip}/AWAITING_ASSIST`, severity, title: `${nameOf(trip)} ${title}`, text, since: asked_at, about }
}

function ofTrip(trip: Trip, request: Assistance | undefined, now: number): Alert[] {
  const about = { kind: 'trip' as const, id: trip.id }
  const name = nameOf(trip.id)
  const alerts: Alert[] = []
  const say = (id: string, severity: Severity, title: string, text: string, since: string) =>
    alerts.push({ id: `${trip.id}/${id}`, severity, title: `${name} ${title}`, text, since, about })
  const status = request && trip.status !== 'STRANDED' ? 'AWAITING_ASSIST' : trip.status
  const trouble = TROUBLES[status]
  if (trouble) say(status, ...trouble, request?.asked_at ?? trip.assignment?.pickup_expected_at ?? trip.created_at)
  for (const [rule, open] of Object.entries(trip.violations ?? {})) {
    say(rule, open.response === 'stop' ? 'critical' : 'serious', `violates ${rule}`, `Response: ${open.response}.`, open.opened_at)
  }
  if (trip.wait && trip.status === 'WAITING' && now - Date.parse(trip.wait.since) > WAITS_LONG_MS) {
    say('wait', 'notice', 'waits for a vehicle', trip.wait.reason, trip.wait.since)
  }
  const ended = trip.ended
  if (ended && (trip.status === 'FAILED' || trip.status === 'EXPIRED') && now - Date.parse(ended.at) < RECENT_MS) {
    say('ended', 'serious', trip.status.toLowerCase(), ended.reason, ended.at)
  }
  return alerts
}
