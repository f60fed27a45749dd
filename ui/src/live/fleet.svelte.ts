// The fleet as the page knows it: read once, then kept by the journal's events, which say what to read again. What is
// lost is read whole again, so that a page that slept a night is right a second later.
import { SvelteMap } from 'svelte/reactivity'
import { type Calls, calls } from '../api/calls'
import { type Client, Problem, Unreachable } from '../api/client'
import type { Assistance, JournalEntry, Site, Trip, Vehicle } from '../api/types'
import { type Alert, alertsOf } from './alerts'
import { Flag, type Feed, type Sample, pause } from './contract'
import { followJournal } from './journal'
import { Motion } from './motion'
import { followPositions } from './positions'
import { type Look, isOpen, lookNumber, lookOf } from './state'

/** Events of so long are answered by one round of reading. */
const GATHER_MS = 350
/** Above so many changed things everything is read anew. */
const SINGLY_MAX = 64
/** How often everything is read by who may not read the journal, and so is told of no change. */
const UNTOLD_MS = 5_000
/** How soon the requests are read again while a trip waits for a person whose request is not listed yet. */
const UNLISTED_MS = 1_000
/** Trips that have ended are kept for people to look at; the ones that were read first leave first. */
const ENDED_KEPT = 1_000
/** Events that are kept for people to look at. */
const EVENTS_KEPT = 200

export type Way = 'connecting' | 'open' | 'lost'

export class Fleet {
  readonly api: Calls
  readonly motion = new Motion()
  vehicles = new SvelteMap<string, Vehicle>()
  trips = new SvelteMap<string, Trip>()
  /** Requests for a person that are open, by trip. */
  readonly asking = new SvelteMap<string, Assistance>()
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
    for (const vehicle of this.vehicles.values()) looks.set(vehicle.id, this.look(vehicle))
    return looks
  })
  readonly alerts: Alert[] = $derived(alertsOf(this.vehicles.values(), this.trips, this.asking, this.now()))

  private feeds: Feed[] = []
  private changed = new Set<string>()
  /** Whether something may have happened of which no event told: then everything is read. */
  private behind = false
  /** Reads take turns: an answer that was slow never replaces one that is newer. */
  private turn: Promise<void> = Promise.resolve()
  private failures = 0
  private gathering: ReturnType<typeof setTimeout> | undefined
  private relisting: ReturnType<typeof setTimeout> | undefined
  private rereading: ReturnType<typeof setInterval> | undefined
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
    clearInterval(this.rereading)
    clearTimeout(this.gathering)
    clearTimeout(this.relisting)
    this.feeds.forEach((feed) => feed.stop())
  }

  /** Reads everything and follows from there; tries until it works. */
  private async begin() {
    for (let tries = 0; !this.stopped; tries++) {
      try {
        const from = await this.journalSize()
        await this.readAll()
        if (this.stopped) return
        this.trouble = null
        this.opened()
        this.follow(from)
        this.relist()
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
    if (from === null) this.rereading = setInterval(() => this.fellBehind(), UNTOLD_MS)
    else this.feeds.push(followJournal(this.client, this.api, from, { ...way, entries: (entries) => this.happened(entries) }))
  }

  private opened() {
    if (this.way === 'open') return
    if (this.way === 'lost') this.fellBehind()
    this.way = 'open'
    this.lostSince = null
  }

  private fellBehind() {
    this.behind = true
    this.gather()
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
    const { api } = this
    const [vehicles, trips, sites, open] = await Promise.all([api.vehicles(), api.trips(), api.sites(), api.assistances()])
    const found = new Set(trips.map(({ id }) => id))
    for (const trip of this.trips.values()) if (isOpen(trip) && !found.has(trip.id)) this.trips.delete(trip.id)
    this.took(trips)
    this.asks(open)
    this.sites = sites
    this.listed(vehicles)
    this.sampled(vehicles.flatMap(({ id, seen }) => {
      if (!seen?.position || this.motion.has(id)) return []
      const age = Math.max(0, this.client.now() - Date.parse(seen.at))
      return [{ vehicle: id, ...seen.position, heading: null, speed: null, at: performance.now() - age, flags: null }]
    }))
    this.known = true
  }

  private took(trips: Trip[]) {
    for (const trip of trips) this.trips.set(trip.id, trip)
    const ended = [...this.trips.values()].filter((trip) => !isOpen(trip))
    for (const { id } of ended.slice(0, -ENDED_KEPT)) this.trips.delete(id)
  }

  private asks(open: Assistance[]) {
    const trips = new Set(open.map(({ trip }) => trip))
    for (const trip of this.asking.keys()) if (!trips.has(trip)) this.asking.delete(trip)
    for (const request of open) this.asking.set(request.trip, request)
  }

  /** A trip says that it waits for a person a moment before its request is listed, of which no event may tell any more. */
  private relist() {
    const isUnlisted = ({ id, status }: Trip) => status === 'AWAITING_ASSIST' && !this.asking.has(id)
    if (this.stopped || this.relisting || ![...this.trips.values()].some(isUnlisted)) return
    this.relisting = setTimeout(() => {
      this.relisting = undefined
      void this.readChanged('assist/unlisted')
    }, UNLISTED_MS)
  }

  private listed(vehicles: Vehicle[]) {
    for (const vehicle of vehicles) this.put(vehicle)
  }

  private put(vehicle: Vehicle) {
    const known = this.vehicles.get(vehicle.id)
    // Positions come on their own way; what only breathes does not redraw the list.
    if (!known || fingerprint(known) !== fingerprint(vehicle)) this.vehicles.set(vehicle.id, vehicle)
    this.motion.look(vehicle.id, lookNumber(this.look(vehicle)))
  }

  private look(vehicle: Vehicle): Look {
    const trip = vehicle.claim?.trip ?? ''
    return lookOf(vehicle, this.trips.get(trip), this.asking.has(trip))
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
      let look = this.look(known)
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

  private gather(after_ms = GATHER_MS) {
    if (this.stopped) return
    this.gathering ??= setTimeout(() => {
      this.gathering = undefined
      void this.readChanged()
    }, after_ms)
  }

  /** Reads what events were about; from outside, what the page itself just changed. */
  readChanged(...more: string[]): Promise<void> {
    for (const subject of more) this.changed.add(subject)
    const read = () => this.read()
    return (this.turn = this.turn.then(read, read))
  }

  private async read() {
    if (this.stopped) return
    const { behind, changed } = this
    this.behind = false
    this.changed = new Set()
    try {
      if (behind || changed.size > SINGLY_MAX) await this.readAll()
      else await this.readEach([...changed])
      if (behind || changed.size > 0) this.trouble = null
      this.failures = 0
      this.relist()
    } catch (error) {
      // What was not read is read with the next try, or whole once the way is open again.
      this.behind ||= behind
      for (const subject of changed) this.changed.add(subject)
      this.failed(error)
      if (error instanceof Problem) this.gather(pause(this.failures++))
    }
  }

  private async readEach(subjects: string[]) {
    const { api } = this
    const of = (kind: string) => subjects.filter((subject) => subject.startsWith(`${kind}/`)).map((subject) => subject.slice(kind.length + 1))
    const [trips, vehicles] = await Promise.all([each(of('trip'), api.trip), each(of('vehicle'), api.vehicle)])
    this.took(trips)
    this.listed(vehicles)
    if (of('site').length > 0) this.sites = await api.sites()
    if (of('assist').length > 0) this.asks(await api.assistances())
  }
}

/** Reads things one by one. What does not exist, and what is not for us to see, is left out. */
async function each<T>(ids: string[], read: (id: string) => Promise<T>): Promise<T[]> {
  const found = await Promise.all(ids.map((id) => read(id).then((one) => [one], (error: unknown) => {
    if (error instanceof Problem && (error.status === 403 || error.status === 404)) return []
    throw error
  })))
  return found.flat()
}

function fingerprint(vehicle: Vehicle): string {
  const { status, mode, ready, claim_epoch, holds, stop, seen } = vehicle
  const battery = seen ? Math.round(seen.battery_pct) : -1
  return `${status}|${mode}|${ready}|${claim_epoch}|${vehicle.claim?.trip}|${holds.map((hold) => hold.id)}|${stop?.id}|${stop?.reason}|${battery}`
}
