// The page's view state: one selection that map, lists and panels share, and one task at a time. The selection is the
// URL's fragment, so that a link to a trip opens it and the browser's Back returns.
import type { LatLon, Restriction, StopClass, TripRoute } from '../api/types'

export type Tab = 'vehicles' | 'trips' | 'alerts' | 'roads'
export type Selection = { kind: 'vehicle' | 'trip'; id: string } | null

export type Task =
  | { kind: 'trip'; origin: LatLon | null; destination: LatLon | null; next: 'origin' | 'destination' }
  | { kind: 'path'; trip: string; assistance: string; lease: number; waypoints: LatLon[] }
  | { kind: 'close'; polygon: LatLon[]; road: string | null }
  | { kind: 'area'; purpose: 'zone' | 'closure'; corners: LatLon[]; done: boolean }

export type OpenDialog =
  /** With `stopClass` the stop is sent at once; with `stop` it was sent before, and only its reason is missing. */
  | { kind: 'stop'; vehicle: string; stopClass?: StopClass; stop?: string }
  | { kind: 'clear'; vehicle: string }
  | { kind: 'cancel'; trip: string }
  | { kind: 'resume'; trip: string }
  | { kind: 'fail'; trip: string }
  | { kind: 'lift'; restriction: Restriction }
  | { kind: 'shortcuts' }

class View {
  tab = $state<Tab>('vehicles')
  search = $state('')
  selection = $state<Selection>(null)
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

  init() {
    this.readUrl()
    addEventListener('hashchange', () => this.readUrl())
  }

  private readUrl() {
    const [kind, id] = location.hash.slice(2).split('/')
    const valid = (kind === 'vehicle' || kind === 'trip') && id
    this.selection = valid ? { kind, id } : null
    if (valid) this.centreRequests++
  }

  select(selection: Selection, centre = true) {
    this.task = null
    if (selection?.id !== this.selection?.id) {
      this.follow = false
      this.route = null
    }
    this.selection = selection
    const hash = selection ? `#/${selection.kind}/${selection.id}` : ' '
    if (location.hash !== hash.trim()) history.pushState(null, '', selection ? hash : location.pathname)
    if (selection) {
      this.sheet = 'up'
      if (centre) this.centreRequests++
    }
  }

  startTask(task: Task) {
    this.dialog = null
    this.task = task
    this.sheet = 'down'
  }

  notify(text: string) {
    clearTimeout(this.noticeTimer)
    this.notice = text
    this.noticeTimer = setTimeout(() => { this.notice = null }, 6_000)
  }

  /** Closes the dialog, else the task, else the selection, else the search. */
  back() {
    if (this.dialog) this.dialog = null
    else if (this.task) this.task = null
    else if (this.selection) this.select(null)
    else this.search = ''
  }
}

export const view = new View()
