// The page's view state: one selection that map, lists, pages and dialogs share, and one task at a time. The selection
// follows from the address, so that a link to a trip opens it and the browser's Back returns.
import { partsOf, router } from './router.svelte'
import type { VehicleState } from '../live/state'
import type { LatLon, Restriction, StopClass, TripRoute } from '../api/types'

export type Tab = 'vehicles' | 'trips' | 'alerts' | 'roads' | 'work'
export type Selection = { kind: 'vehicle' | 'trip'; id: string } | null

export type Task =
  | { kind: 'trip'; origin: LatLon | null; destination: LatLon | null; next: 'origin' | 'destination' }
  | { kind: 'path'; trip: string; assistance: string; lease: number; waypoints: LatLon[] }
  | { kind: 'close'; polygon: LatLon[]; road: string | null }
  | { kind: 'area'; purpose: 'zone' | 'closure' | 'speed'; corners: LatLon[]; done: boolean }
  /** A shape for a form of another screen, which is opened again with it. */
  | { kind: 'area'; purpose: 'work'; corners: LatLon[]; done: boolean; back: string }
  | { kind: 'point'; at: LatLon | null; back: string }

export type OpenDialog =
  /** With `stopClass` the stop is sent at once; with `stop` it was sent before, and only its reason is missing. */
  /** Without a vehicle the dialog asks which. */
  | { kind: 'stop'; vehicle: string | null; stopClass?: StopClass; stop?: string }
  | { kind: 'clear'; vehicle: string }
  | { kind: 'cancel'; trip: string }
  | { kind: 'resume'; trip: string }
  | { kind: 'fail'; trip: string }
  | { kind: 'lift'; restriction: Restriction }
  | { kind: 'release' | 'ask-release'; vehicle: string; hold: string }
  | { kind: 'shortcuts' }
  | { kind: 'palette' }

class View {
  tab = $state<Tab>('vehicles')
  search = $state('')
  /** Only vehicles in this state are listed beside the map. */
  stateFilter = $state<VehicleState | null>(null)
  /** The vehicle or trip that the address names, on the map or on its own page. */
  readonly selection: Selection = $derived(selectionOf(router.path))
  /** The vehicle under the cursor of a table: a stop is meant for it where none is open. */
  pointed = $state<string | null>(null)
  task = $state<Task | null>(null)
  dialog = $state<OpenDialog | null>(null)
  site = $state<string | null>(null)
  /** The route of the selected trip, as the map draws it. */
  route = $state.raw<TripRoute | null>(null)
  follow = $state(false)
  /** In a narrow window the lists are a bottom sheet, which is down so that the map is visible. */
  sheet = $state<'up' | 'down'>('down')
  /** A short confirmation of the last action. */
  notice = $state<string | null>(null)
  private noticeTimer: ReturnType<typeof setTimeout> | undefined
  /** Increases with each request to centre the map on the selection. */
  centreRequests = $state(0)

  constructor() {
    if (selectionOf(router.path)) this.centreRequests = 1
    addEventListener('popstate', () => { if (selectionOf(location.pathname)) this.centreRequests++ })
  }

  /** Selects on the map. */
  select(selection: Selection, centre = true) {
    this.task = null
    if (selection?.id !== this.selection?.id) {
      this.follow = false
      this.route = null
    }
    router.navigate(selection ? `/operations/${selection.kind}s/${selection.id}` : '/operations')
    if (selection) {
      this.sheet = 'up'
      if (centre) this.centreRequests++
    }
  }

  /** Begins a task on the map, which is opened for it. */
  startTask(task: Task) {
    this.dialog = null
    if (partsOf(router.path)[0] !== 'operations') router.navigate(this.selection ? `/operations${router.path}` : '/operations')
    this.task = task
    this.sheet = 'down'
  }

  notify(text: string) {
    clearTimeout(this.noticeTimer)
    this.notice = text
    this.noticeTimer = setTimeout(() => { this.notice = null }, 6_000)
  }

  /** Closes the dialog, or the event that is open in the journal; on the map else the task, else the selection, else the search. */
  back() {
    if (this.dialog) this.dialog = null
    else if (this.task) this.task = null
    else if (/^\/evidence\/evt_/.test(router.path)) router.navigate(`/evidence${router.search}`)
    else if (partsOf(router.path)[0] !== 'operations') return
    else if (this.selection) this.select(null)
    else {
      this.search = ''
      this.stateFilter = null
    }
  }
}

/** The vehicle or trip of `/vehicles/<id>`, `/trips/<id>` and of either below `/operations`. */
function selectionOf(path: string): Selection {
  const parts = partsOf(path)
  const [kind, id] = parts[0] === 'operations' ? parts.slice(1) : parts
  if (!id || id === 'onboard' || (kind !== 'vehicles' && kind !== 'trips')) return null
  return { kind: kind === 'vehicles' ? 'vehicle' : 'trip', id }
}

export const view = new View()
