// The fleet's state in the page: read once, then updated by the journal's events, which name what to read again. After
// a lost connection everything is read again, because events may have been missed.
import { SvelteMap } from 'svelte/reactivity'
import { type Calls, calls } from '../api/calls'
import type { Operation } from '../api/accounts'
import { type Client, Problem, Unreachable } from '../api/client'
import type { Assistance, Incident, JournalEntry, Site, Trip, Vehicle } from '../api/types'
import { type Alert, alertsOf } from './alerts'
import { type Feed, type PositionSample, SampleFlag, retryDelay } from './feed'
import { followJournal } from './journal'
import { Motion } from './motion'
import { followPositions } from './positions'
import { type VehicleState, isOpen, stateIndex, vehicleStateOf } from './state'

/** Events that arrive within this time are answered by one round of reads. */
const READ_BATCH_MS = 350
/** Above this many changed resources one full read is cheaper than single reads. */
const SINGLE_READS_MAX = 64
/** The interval between full reads for users who may not read the journal and so receive no events. */
const FULL_READ_INTERVAL_MS = 5_000
/** The delay before assistance requests are read again while a trip awaits one that is not listed yet. */
const ASSISTANCE_RETRY_MS = 1_000
/** The most ended trips that are kept, as history; those that were read first are removed first. */
const ENDED_TRIPS_MAX = 1_000

export type ConnectionState = 'connecting' | 'open' | 'lost'

export class Fleet {
  readonly api: Calls
  readonly motion = new Motion()
  vehicles = new SvelteMap<string, Vehicle>()
  trips = new SvelteMap<string, Trip>()
  /** Open assistance requests by trip. */
  readonly assistance = new SvelteMap<string, Assistance>()
  /** The newest security incidents, for those who may read them. */
  readonly incidents = new SvelteMap<string, Incident>()
  sites = $state.raw<Site[]>([])
  /** Whether the first read is complete: until then an empty list does not mean that there is nothing. */
  loaded = $state(false)
  connection = $state<ConnectionState>('connecting')
  lostSince = $state<number | null>(null)
  /** The last error that the server itself answered, unlike a lost connection. */
  problem = $state<Problem | null>(null)
  /** Ticks once a second, so that displayed ages update. */
  clock = $state(Date.now())
  /** Journal index of the newest event about each subject, such as `trip/trip_…`, so that an open timeline reads again. */
  readonly latestEvent = new SvelteMap<string, number>()
  /** Journal index of the newest event that arrived; null before the first. */
  newestEvent = $state<number | null>(null)
  readonly vehicleStates = $derived.by(() => {
    const states = new Map<string, VehicleState>()
    for (const vehicle of this.vehicles.values()) states.set(vehicle.id, this.vehicleState(vehicle))
    return states
  })
  readonly openTrips = $derived([...this.trips.values()].filter(isOpen).length)
  readonly alerts: Alert[] = $derived(alertsOf(this, this.now()))

  private feeds: Feed[] = []
  /** What reads its own state again when a stream, or one of a kind, changed. */
  private readonly watchers = new Set<{ streams: string; read: () => void }>()
  /** Streams of the journal, such as `trip/trip_…`, whose state is to be read again. */
  private changed = new Set<string>()
  /** Whether changes may have been missed, so that everything is read again. */
  private stale = false
  /** Reads run one after another, so that a slow response never overwrites a newer one. */
  private readQueue: Promise<void> = Promise.resolve()
  private failures = 0
  private readTimer: ReturnType<typeof setTimeout> | undefined
  private assistanceTimer: ReturnType<typeof setTimeout> | undefined
  private fullReadTimer: ReturnType<typeof setInterval> | undefined
  private clockTimer: ReturnType<typeof setInterval> | undefined
  private stopped = false

  /** `may` says what this user's role may ask the server: what it may not is not asked. */
  constructor(readonly client: Client, readonly may: (operation: Operation) => boolean) {
    this.api = calls(client)
  }

  now(): number {
    return this.clock + this.client.offsetMs
  }

  start() {
    this.clockTimer = setInterval(() => { this.clock = Date.now() }, 1_000)
    void this.connect()
  }

  stop() {
    this.stopped = true
    clearInterval(this.clockTimer)
    clearInterval(this.fullReadTimer)
    clearTimeout(this.readTimer)
    clearTimeout(this.assistanceTimer)
    this.feeds.forEach((feed) => feed.stop())
  }

  /** Reads everything, then follows the feeds from there; retries until that succeeds. */
  private async connect() {
    for (let attempt = 0; !this.stopped; attempt++) {
      try {
        const from = await this.journalSize()
        await this.readAll()
        if (this.stopped) return
        this.problem = null
        this.markConnected()
        this.follow(from)
        this.retryAssistance()
        return
      } catch (error) {
        this.handleError(error)
        await new Promise((resolve) => setTimeout(resolve, retryDelay(attempt)))
      }
    }
  }

  private async journalSize(): Promise<number | null> {
    if (!this.may('get_v1_journal_head') || !this.may('get_v1_events')) return null
    try {
      return (await this.api.journalHead()).size
    } catch (error) {
      // Users who may not read the journal still see the fleet, by polling.
      if (error instanceof Problem && (error.status === 403 || error.status === 404)) return null
      throw error
    }
  }

  private follow(from: number | null) {
    const listener = { onConnected: () => this.markConnected(), onDisconnected: () => this.markDisconnected() }
    const source = {
      client: this.client,
      readVehicles: (signal: AbortSignal) => this.api.vehicles(signal),
      onVehicles: (vehicles: Vehicle[]) => this.storeVehicles(vehicles),
    }
    if (this.may('get_v1_vehicles')) this.feeds.push(followPositions(source, { ...listener, onSamples: (samples) => this.applySamples(samples) }))
    if (from === null) this.fullReadTimer = setInterval(() => this.markStale(), FULL_READ_INTERVAL_MS)
    else this.feeds.push(followJournal(this.client, this.api, from, { ...listener, onEntries: (entries) => this.applyEntries(entries) }))
  }

  private markConnected() {
    if (this.connection === 'open') return
    if (this.connection === 'lost') this.markStale()
    this.connection = 'open'
    this.lostSince = null
  }

  private markStale() {
    this.stale = true
    this.scheduleRead()
  }

  private markDisconnected() {
    if (this.connection === 'lost') return
    this.connection = 'lost'
    this.lostSince = Date.now()
  }

  private handleError(error: unknown) {
    if (error instanceof Problem) this.problem = error
    else if (error instanceof Unreachable) this.markDisconnected()
    else throw error
  }

  private async readAll() {
    const { api } = this
    const [vehicles, trips, sites, open, incidents] = await Promise.all([
      this.may('get_v1_vehicles') ? api.vehicles() : [], this.may('get_v1_trips') ? api.trips() : [],
      this.may('get_v1_sites') ? api.sites() : [], this.may('get_v1_assistance') ? api.assistances() : [],
      this.may('get_v1_incidents') ? api.incidentPage() : null,
    ])
    for (const { read } of this.watchers) read()
    const found = new Set(trips.map(({ id }) => id))
    for (const trip of this.trips.values()) if (isOpen(trip) && !found.has(trip.id)) this.trips.delete(trip.id)
    this.storeTrips(trips)
    this.storeAssistance(open)
    for (const incident of incidents?.items ?? []) this.incidents.set(incident.id, incident)
    this.sites = sites
    this.storeVehicles(vehicles)
    this.applySamples(vehicles.flatMap(({ id, seen }) => {
      if (!seen?.position || this.motion.has(id)) return []
      const age = Math.max(0, this.client.now() - Date.parse(seen.at))
      return [{ vehicle: id, ...seen.position, heading: null, speed: null, measuredAt: performance.now() - age, flags: null }]
    }))
    this.loaded = true
  }

  private storeTrips(trips: Trip[]) {
    for (const trip of trips) this.trips.set(trip.id, trip)
    const ended = [...this.trips.values()].filter((trip) => !isOpen(trip))
    for (const { id } of ended.slice(0, -ENDED_TRIPS_MAX)) this.trips.delete(id)
  }

  private storeAssistance(open: Assistance[]) {
    const trips = new Set(open.map(({ trip }) => trip))
    for (const trip of this.assistance.keys()) if (!trips.has(trip)) this.assistance.delete(trip)
    for (const request of open) this.assistance.set(request.trip, request)
  }

  /** A trip can be AWAITING_ASSIST just before its request is listed, and no later event may announce the request. */
  private retryAssistance() {
    const isUnlisted = ({ id, status }: Trip) => status === 'AWAITING_ASSIST' && !this.assistance.has(id)
    if (this.stopped || this.assistanceTimer || ![...this.trips.values()].some(isUnlisted)) return
    this.assistanceTimer = setTimeout(() => {
      this.assistanceTimer = undefined
      void this.readChanged('assist/unlisted')
    }, ASSISTANCE_RETRY_MS)
  }

  private storeVehicles(vehicles: Vehicle[]) {
    for (const vehicle of vehicles) this.storeVehicle(vehicle)
  }

  private storeVehicle(vehicle: Vehicle) {
    const known = this.vehicles.get(vehicle.id)
    // Positions have a feed of their own; an unchanged vehicle must not redraw the list.
    if (!known || fingerprint(known) !== fingerprint(vehicle)) this.vehicles.set(vehicle.id, vehicle)
    this.motion.setState(vehicle.id, stateIndex(this.vehicleState(vehicle)))
  }

  private vehicleState(vehicle: Vehicle): VehicleState {
    const trip = vehicle.claim?.trip ?? ''
    return vehicleStateOf(vehicle, this.trips.get(trip), this.assistance.has(trip))
  }

  private applySamples(samples: PositionSample[]) {
    this.motion.addSamples(samples)
    for (const { vehicle, flags } of samples) {
      const known = this.vehicles.get(vehicle)
      if (!known) {
        this.changed.add(`vehicle/${vehicle}`)
        this.scheduleRead()
        continue
      }
      let state = this.vehicleState(known)
      // The position stream reports first whether the vehicle is occupied.
      if (flags !== null && (state === 'coming' || state === 'carrying')) state = flags & SampleFlag.occupied ? 'carrying' : 'coming'
      this.motion.setState(vehicle, stateIndex(state))
    }
  }

  private applyEntries(entries: JournalEntry[]) {
    for (const { index, event } of entries) {
      // A decision changes no state by itself, and a trip that policy denied does not exist.
      const changes = event.type !== 'policy.decided'
      for (const stream of [event.stream, ...event.about]) {
        if (changes) this.changed.add(stream)
        this.latestEvent.set(stream, index)
      }
    }
    this.newestEvent = entries.at(-1)?.index ?? this.newestEvent
    this.scheduleRead()
  }

  private scheduleRead(delayMs = READ_BATCH_MS) {
    if (this.stopped) return
    this.readTimer ??= setTimeout(() => {
      this.readTimer = undefined
      void this.readChanged()
    }, delayMs)
  }

  /** Reads the streams that events changed, and those given, which the page itself just changed. */
  readChanged(...streams: string[]): Promise<void> {
    for (const stream of streams) this.changed.add(stream)
    const read = () => this.read()
    return (this.readQueue = this.readQueue.then(read, read))
  }

  /** Calls `read` after each event of a kind of stream, such as `approval`, or of one, such as `vehicle/veh_…`, and after all was read again; answers how to end that. */
  watch(streams: string, read: () => void): () => void {
    const watcher = { streams, read }
    this.watchers.add(watcher)
    return () => this.watchers.delete(watcher)
  }

  private async read() {
    if (this.stopped) return
    const { stale, changed } = this
    this.stale = false
    this.changed = new Set()
    try {
      if (stale || changed.size > SINGLE_READS_MAX) await this.readAll()
      else await this.readStreams([...changed])
      if (stale || changed.size > 0) this.problem = null
      this.failures = 0
      this.retryAssistance()
    } catch (error) {
      // What was not read stays marked for the next read.
      this.stale ||= stale
      for (const stream of changed) this.changed.add(stream)
      this.handleError(error)
      if (error instanceof Problem) this.scheduleRead(retryDelay(this.failures++))
    }
  }

  private async readStreams(streams: string[]) {
    const { api } = this
    const idsOf = (kind: string) => streams.filter((stream) => stream.startsWith(`${kind}/`)).map((stream) => stream.slice(kind.length + 1))
    const [trips, vehicles, incidents] = await Promise.all([
      readEach(this.may('get_v1_trips_trip') ? idsOf('trip') : [], api.trip), readEach(this.may('get_v1_vehicles_vehicle') ? idsOf('vehicle') : [], api.vehicle),
      readEach(this.may('get_v1_incidents_incident') ? idsOf('incident') : [], api.incident),
    ])
    for (const incident of incidents) this.incidents.set(incident.id, incident)
    this.storeTrips(trips)
    this.storeVehicles(vehicles)
    for (const watcher of this.watchers) if (streams.some((stream) => stream === watcher.streams || stream.startsWith(`${watcher.streams}/`))) watcher.read()
    if (idsOf('site').length > 0 && this.may('get_v1_sites')) this.sites = await api.sites()
    if (idsOf('assist').length > 0 && this.may('get_v1_assistance')) this.storeAssistance(await api.assistances())
  }
}

/** Reads resources by id, without those that do not exist or that this user may not see. */
async function readEach<T>(ids: string[], read: (id: string) => Promise<T>): Promise<T[]> {
  const found = await Promise.all(ids.map((id) => read(id).then((resource) => [resource], (error: unknown) => {
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
