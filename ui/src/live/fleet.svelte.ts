// The fleet as the page knows it: read once, then kept by the journal's events, which say what to read again. What is
// lost is read whole again, so that a page that slept a night is right a second later.
import { SvelteMap } from 'svelte/reactivity'
import { type Calls, calls } from '../api/calls'
import { type Client, Problem, Unreachable } from '../api/client'
import type { JournalEntry, Site, Trip, Vehicle } from '../api/types'
import { type Alert, alertsOf } from './alerts'
import { Flag, type Feed, type Sample, pause } from './contract'
import { followJournal } from './journal'
import { Motion } from './motion'
import { followPositions } from './positions'
import { type Look, lookNumber, lookOf } from './state'

/** Events of so long are answered by one round of reading. */
const GATHER_MS = 350
/** Above so many changed things the list is one question, and they are many. */
const SINGLY_MAX = 8
/** Events that are kept for people to look at. */
const EVENTS_KEPT = 200

export type Way = 'connecting' | 'open' | 'lost'

export class Fleet {
  readonly api: Calls
  readonly motion = new Motion()
  vehicles = new SvelteMap<string, Vehicle>()
  trips = new SvelteMap<string, Trip>()
  /** Requests for a person that are open, by trip. */
  readonly asking = new SvelteMap<string, string>()
  sites = $state.raw<Site[]>([])
  events = $state.raw<JournalEntry[]>([])
  /** Whether the fleet was read at all: before, an empty list means nothing. */
  known = $state(false)
  way = $state<Way>('connecting')
  lostSince = $state<number | null>(null)
  /** What went wrong last that is not the way to the server. */
  trouble = $state<Problem | null>(null)
  /** Ticks once a second, so that ages are told anew. */
  clock = $state(Date.now())
  /** Newest event about each trip, so that an open story reads itself again. */
  readonly told = new SvelteMap<string, number>()
  readonly looks = $derived.by(() => {
    const looks = new Map<string, Look>()
    for (const vehicle of this.vehicles.values()) {
      looks.set(vehicle.id, lookOf(vehicle, vehicle.claim ? this.trips.get(vehicle.claim.trip) : undefined))
    }
    return looks
  })
  readonly alerts: Alert[] = $derived(alertsOf(this.vehicles.values(), this.trips.values(), this.now()))

  private feeds: Feed[] = []
  private changed = new Set<string>()
  private gathering: ReturnType<typeof setTimeout> | undefined
  private ticking: ReturnType<typeof setInterval> | undefined
  private stopped = false

  constructor(readonly client: Client) {
    this.api = calls(client)
  }

  now(): number {
    return this.clock + this.client.offsetMs
  }

  start() {
    this.ticking = setInterval(() => { this.clock = Date.now() }, 1_000)
    void this.begin()
  }

  stop() {
    this.stopped = true
    clearInterval(this.ticking)
    clearTimeout(this.gathering)
    this.feeds.forEach((feed) => feed.stop())
  }

  /** Reads everything and follows from there; tries until it works. */
  private async begin() {
    for (let tries = 0; !this.stopped; tries++) {
      try {
        const from = await this.journalSize()
        await this.readAll()
        if (this.stopped) return
        this.follow(from)
        return
      } catch (error) {
        this.failed(error)
        await new Promise((resolve) => setTimeout(resolve, pause(tries)))
      }
    }
  }

  private async journalSize(): Promise<number | null> {
    try {
      return (await this.api.journalHead()).size
    } catch (error) {
      // Who may not read the journal still sees the fleet, by its list.
      if (error instanceof Problem && (error.status === 403 || error.status === 404)) return null
      throw error
    }
  }

  private follow(from: number | null) {
    const way = { alive: () => this.opened(), lost: () => this.lost() }
    const source = {
      client: this.client,
      vehicles: (signal: AbortSignal) => this.api.vehicles(signal),
      listed: (vehicles: Vehicle[]) => this.listed(vehicles),
    }
    this.feeds.push(followPositions(source, { ...way, samples: (samples) => this.sampled(samples) }))
    if (from !== null) {
      this.feeds.push(followJournal(this.client, this.api, from, { ...way, entries: (entries) => this.happened(entries) }))
    }
  }

  private opened() {
    if (this.way === 'open') return
    const again = this.way === 'lost'
    this.way = 'open'
    this.lostSince = null
    if (again) void this.readAll().catch((error: unknown) => this.failed(error))
  }

  private lost() {
    if (this.way === 'lost') return
    this.way = 'lost'
    this.lostSince = Date.now()
  }

  private failed(error: unknown) {
    if (error instanceof Problem) this.trouble = error
    else if (error instanceof Unreachable) this.lost()
    else throw error
  }

  private async readAll() {
    const [vehicles, trips, sites] = await Promise.all([this.api.vehicles(), this.api.trips(), this.api.sites(), this.readAsking()])
    this.trips.clear()
    for (const trip of trips.items) this.trips.set(trip.id, trip)
    this.sites = sites
    this.listed(vehicles)
    this.sampled(vehicles.flatMap(({ id, seen }) => {
      if (!seen?.position || this.motion.has(id)) return []
      const age = Math.max(0, this.client.now() - Date.parse(seen.at))
      return [{ vehicle: id, ...seen.position, heading: null, speed: null, at: performance.now() - age, flags: null }]
    }))
    this.trouble = null
    this.known = true
    this.opened()
  }

  private async readAsking() {
    const open = await this.api.assistances()
    this.asking.clear()
    for (const { id, trip } of open) this.asking.set(trip, id)
  }

  private listed(vehicles: Vehicle[]) {
    for (const vehicle of vehicles) this.put(vehicle)
  }

  private put(vehicle: Vehicle) {
    const known = this.vehicles.get(vehicle.id)
    // Positions come on their own way; what only breathes does not redraw the list.
    if (!known || fingerprint(known) !== fingerprint(vehicle)) this.vehicles.set(vehicle.id, vehicle)
    this.motion.look(vehicle.id, lookNumber(lookOf(vehicle, vehicle.claim ? this.trips.get(vehicle.claim.trip) : undefined)))
  }

  private sampled(samples: Sample[]) {
    this.motion.take(samples)
    for (const { vehicle, flags } of samples) {
      const known = this.vehicles.get(vehicle)
      if (!known) {
        this.changed.add(`vehicle/${vehicle}`)
        this.gather()
        continue
      }
      const trip = known.claim ? this.trips.get(known.claim.trip) : undefined
      let look = lookOf(known, trip)
      // The stream knows first whether somebody is aboard.
      if (flags !== null && (look === 'coming' || look === 'carrying')) look = flags & Flag.occupied ? 'carrying' : 'coming'
      this.motion.look(vehicle, lookNumber(look))
    }
  }

  private happened(entries: JournalEntry[]) {
    this.events = [...entries.toReversed(), ...this.events].slice(0, EVENTS_KEPT)
    for (const { index, event } of entries) {
      // A decision changes nothing by itself, and a trip that it refused does not exist.
      const changes = event.type !== 'policy.decided'
      for (const subject of [event.stream, ...event.about]) {
        if (changes) this.changed.add(subject)
        if (subject.startsWith('trip/')) this.told.set(subject.slice(5), index)
      }
    }
    this.gather()
  }

  private gather() {
    this.gathering ??= setTimeout(() => {
      this.gathering = undefined
      void this.readChanged().catch((error: unknown) => this.failed(error))
    }, GATHER_MS)
  }

  /** Reads what events were about; from outside, what the page itself just changed. */
  async readChanged(...more: string[]) {
    const subjects = [...this.changed, ...more]
    this.changed.clear()
    const of = (kind: string) => subjects.filter((subject) => subject.startsWith(`${kind}/`)).map((subject) => subject.slice(kind.length + 1))
    const [vehicles, trips] = [of('vehicle'), of('trip')]
    const singly = async <T>(ids: string[], read: (id: string) => Promise<T>) =>
      (await Promise.allSettled(ids.map(read))).flatMap((read) => (read.status === 'fulfilled' ? [read.value] : []))
    const readTrips = trips.length > SINGLY_MAX ? this.api.trips().then((page) => page.items) : singly(trips, this.api.trip)
    const readVehicles = vehicles.length > SINGLY_MAX ? this.api.vehicles() : singly(vehicles, this.api.vehicle)
    const [newTrips, newVehicles] = await Promise.all([readTrips, readVehicles])
    for (const trip of newTrips) this.trips.set(trip.id, trip)
    this.listed(newVehicles)
    if (of('site').length > 0) this.sites = await this.api.sites()
    if (of('assist').length > 0) await this.readAsking()
  }
}

function fingerprint(vehicle: Vehicle): string {
  const { status, mode, ready, claim_epoch, holds, stop, seen } = vehicle
  const battery = seen ? Math.round(seen.battery_pct) : -1
  return `${status}|${mode}|${ready}|${claim_epoch}|${vehicle.claim?.trip}|${holds.map((hold) => hold.id)}|${stop?.id}|${battery}`
}
