// Alerts are derived from the current state: an alert ends when its cause does, and not before.
import type { Assistance, Incident, Trip, Vehicle } from '../api/types'
import { say } from '../state/sector.svelte'
import { humanize } from './state'

export type Severity = 'critical' | 'serious' | 'notice'

export interface Alert {
  /** The same for the same cause, so that an acknowledged alert stays acknowledged. */
  id: string
  severity: Severity
  title: string
  text: string
  since: string
  /** What is shown on the map; null where nothing is. */
  subject: { kind: 'vehicle' | 'trip'; id: string } | null
  /** Where it is dealt with, where that is not the page of the subject. */
  page?: string
}

/** How long a trip that failed or expired is an alert, in milliseconds. */
const RECENT_MS = 30 * 60_000
/** How long a trip may wait for a vehicle before that is an alert, in milliseconds. */
const WAIT_MAX_MS = 120_000
const RANK: Record<Severity, number> = { critical: 0, serious: 1, notice: 2 }

export interface Alarming {
  vehicles: ReadonlyMap<string, Vehicle>
  trips: ReadonlyMap<string, Trip>
  /** The open requests by trip: each is an alert, also while its trip is not loaded. */
  assistance: ReadonlyMap<string, Assistance>
  incidents: ReadonlyMap<string, Incident>
}

export function alertsOf({ vehicles, trips, assistance, incidents }: Alarming, now: number): Alert[] {
  const alerts: Alert[] = []
  for (const incident of incidents.values()) if (isUnanswered(incident)) alerts.push(incidentAlert(incident, vehicles))
  for (const vehicle of vehicles.values()) alerts.push(...vehicleAlerts(vehicle))
  for (const trip of trips.values()) alerts.push(...tripAlerts(trip, assistance.get(trip.id), now))
  for (const request of assistance.values()) if (!trips.has(request.trip)) alerts.push(assistanceAlert(request))
  return alerts.sort((a, b) => RANK[a.severity] - RANK[b.severity] || b.since.localeCompare(a.since))
}

/** Whether it is an emergency that nobody has said to have. */
export function isUnanswered({ severity, status, call }: Incident): boolean {
  return (severity === 'high' || severity === 'critical') && status !== 'CLOSED' && !call?.acknowledged_at
}

function incidentAlert(incident: Incident, vehicles: ReadonlyMap<string, Vehicle>): Alert {
  const [kind, about = ''] = incident.subject.split('/', 2)
  const subject = kind === 'vehicle' ? { kind: 'vehicle' as const, id: about } : null
  const name = subject ? `${vehicles.get(about)?.name ?? say('{vehicle.A}')}: ` : ''
  const drill = incident.exercise && !incident.title.startsWith('Drill') ? 'drill, ' : ''
  const done = incident.waits_for_person ? 'Nothing is contained: a person decides.' : incident.contained_at ? 'It is contained.' : 'It is not contained yet.'
  return {
    id: `${incident.id}/unanswered`, severity: 'critical', title: `${name}${drill}${name ? lowerFirst(incident.title) : incident.title}`,
    text: `${incident.exercise ? 'A drill: nothing is taken away. ' : ''}Nobody has acknowledged this security incident. ${done}`,
    since: incident.opened_at, subject, page: `/security/incidents/${incident.id}`,
  }
}

const lowerFirst = (text: string) => `${text.charAt(0).toLowerCase()}${text.slice(1)}`

function vehicleAlerts(vehicle: Vehicle): Alert[] {
  const subject = { kind: 'vehicle' as const, id: vehicle.id }
  const alerts: Alert[] = []
  const add = (id: string, severity: Severity, title: string, text: string, since: string) =>
    alerts.push({ id: `${vehicle.id}/${id}`, severity, title: `${vehicle.name}: ${title}`, text, since, subject })
  const seen = vehicle.seen?.at ?? vehicle.registered_at
  if (vehicle.stop) {
    const where = vehicle.stop.class === 'now' ? 'at once' : 'at the nearest place where it may stand'
    add(vehicle.stop.id, 'critical', 'stop in force', `Ordered ${where}: ${vehicle.stop.reason}`, vehicle.stop.ordered_at)
  }
  if (vehicle.mode === 'ESTOP') add('estop', 'critical', 'emergency stop pressed', 'Nobody drives it.', seen)
  if (vehicle.status === 'OFFLINE') {
    const text = vehicle.claim ? say('It was on {trip.a} when it fell silent.') : say('It has no {trip.one}.')
    add('offline', vehicle.claim ? 'critical' : 'serious', 'silent', text, seen)
  }
  for (const hold of vehicle.holds) add(hold.id, 'notice', `held, ${humanize(hold.kind).toLowerCase()}`, hold.reason, hold.placed_at)
  if (vehicle.seen && vehicle.seen.battery_pct < 15 && vehicle.status === 'ONLINE') {
    add('battery', 'serious', 'battery low', `${Math.round(vehicle.seen.battery_pct)} % left.`, seen)
  }
  return alerts
}

const NEEDS_ASSISTANCE = ['critical', 'needs a person', 'The {vehicle.one} waits for an answer.'] as const

const TROUBLE_ALERTS: Partial<Record<Trip['status'], readonly [Severity, string, string]>> = {
  STRANDED: ['critical', 'stranded', 'The {vehicle.one} cannot go on.'],
  AWAITING_ASSIST: NEEDS_ASSISTANCE,
  SAFE_STOPPED: ['serious', 'stopped for safety', 'The {vehicle.one} stands.'],
  PAUSED: ['notice', 'paused', 'The {vehicle.one} stands for a while.'],
}

const tripName = (trip: string) => `${say('{trip.One}')} ${trip.slice(-6)}`

/** The alert of a request whose trip is not loaded yet. */
function assistanceAlert({ trip, asked_at }: Assistance): Alert {
  const [severity, title, text] = NEEDS_ASSISTANCE
  const subject = { kind: 'trip' as const, id: trip }
  return { id: `${trip}/AWAITING_ASSIST`, severity, title: `${tripName(trip)} ${title}`, text: say(text), since: asked_at, subject }
}

function tripAlerts(trip: Trip, request: Assistance | undefined, now: number): Alert[] {
  const subject = { kind: 'trip' as const, id: trip.id }
  const name = tripName(trip.id)
  const alerts: Alert[] = []
  const add = (id: string, severity: Severity, title: string, text: string, since: string) =>
    alerts.push({ id: `${trip.id}/${id}`, severity, title: `${name} ${title}`, text, since, subject })
  const status = request && trip.status !== 'STRANDED' ? 'AWAITING_ASSIST' : trip.status
  const trouble = TROUBLE_ALERTS[status]
  if (trouble) add(status, trouble[0], trouble[1], say(trouble[2]), request?.asked_at ?? trip.assignment?.pickup_expected_at ?? trip.created_at)
  for (const [rule, violation] of Object.entries(trip.violations ?? {})) {
    add(rule, violation.response === 'stop' ? 'critical' : 'serious', `violates ${rule}`, `Response: ${violation.response}.`, violation.opened_at)
  }
  if (trip.wait && trip.status === 'WAITING' && now - Date.parse(trip.wait.since) > WAIT_MAX_MS) {
    add('wait', 'notice', say('waits for {vehicle.a}'), trip.wait.reason, trip.wait.since)
  }
  const ended = trip.ended
  if (ended && (trip.status === 'FAILED' || trip.status === 'EXPIRED') && now - Date.parse(ended.at) < RECENT_MS) {
    add('ended', 'serious', trip.status.toLowerCase(), ended.reason, ended.at)
  }
  return alerts
}
