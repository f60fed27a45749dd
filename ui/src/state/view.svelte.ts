// What a person looks at and does: one selection that map, list and story share, one task at a time. The selection is
// the address' fragment, so that a link to a trip opens it and Back goes back.
import type { LatLon, Restriction, StopClass, TripRoute } from '../api/types'

export type Tab = 'vehicles' | 'trips' | 'alerts' | 'roads'
export type Selection = { kind: 'vehicle' | 'trip'; id: string } | null

export type Task =
  | { kind: 'trip'; origin: LatLon | null; destination: LatLon | null; next: 'origin' | 'destination' }
  | { kind: 'path'; trip: string; assistance: string; lease: number; places: LatLon[] }
  | { kind: 'close'; polygon: LatLon[]; road: string | null }
  | { kind: 'area'; purpose: 'zone' | 'closure'; corners: LatLon[]; done: boolean }

export type Ask =
  /** With `how` it is sent at once; with `stop` it was, and only why is asked. */
  | { kind: 'stop'; vehicle: string; how?: StopClass; stop?: string }
  | { kind: 'clear'; vehicle: string }
  | { kind: 'cancel'; trip: string }
  | { kind: 'resume'; trip: string }
  | { kind: 'fail'; trip: string }
  | { kind: 'lift'; restriction: Restriction }
  | { kind: 'keys' }

class View {
  tab = $state<Tab>('vehicles')
  search = $state('')
  selection = $state<Selection>(null)
  task = $state<Task | null>(null)
  ask = $state<Ask | null>(null)
  site = $state<string | null>(null)
  /** The route of the selected trip, as the map draws it. */
  route = $state.raw<TripRoute | null>(null)
  follow = $state(false)
  /** On a narrow window: the sheet shows the list, or is down so that the map has the room. */
  sheet = $state<'up' | 'down'>('down')
  /** What was done last, told once. */
  notice = $state<string | null>(null)
  private noticeEnds: ReturnType<typeof setTimeout> | undefined
  /** Counts wishes to bring the selection into sight. */
  centre = $state(0)

  begin() {
    this.read()
    addEventListener('hashchange', () => this.read())
  }

  private read() {
    const [kind, id] = location.hash.slice(2).split('/')
    const known = (kind === 'vehicle' || kind === 'trip') && id
    this.selection = known ? { kind, id } : null
    if (known) this.centre++
  }

  select(selection: Selection, bring = true) {
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
      if (bring) this.centre++
    }
  }

  begins(task: Task) {
    this.ask = null
    this.task = task
    this.sheet = 'down'
  }

  tell(text: string) {
    clearTimeout(this.noticeEnds)
    this.notice = text
    this.noticeEnds = setTimeout(() => { this.notice = null }, 6_000)
  }

  /** One step back: the dialog, then the task, then the selection. */
  back() {
    if (this.ask) this.ask = null
    else if (this.task) this.task = null
    else if (this.selection) this.select(null)
    else this.search = ''
  }
}

export const view = new View()
