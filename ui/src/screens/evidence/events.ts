// The entries of the journal from the newest to the oldest, page by page, and what each is in words. The server answers from
// an index upwards: what is older is read from further down.
import type { Calls } from '../../api/calls'
import type { Decision, JournalEntry } from '../../api/types'
import { shortId } from '../../components/format'
import type { Fleet } from '../../live/fleet.svelte'
import { humanize } from '../../live/state'
import { summaryOf } from '../../live/story'
import { say } from '../../state/sector.svelte'
import { session } from '../../state/session.svelte'

export type Event = JournalEntry['event']

/** An entry as a row of the table. */
export interface EventRow {
  id: string
  index: number
  event: Event
}

/** The entries of one page. */
const PAGE = 500
/** How far is looked back at first for entries about one subject, and how much further each time that there are too few. */
const WINDOW = 5_000
const WINDOW_GROWTH = 4
/** The decision behind an event stands within this many entries before it, or is looked for in the whole stream. */
const NEAR = 100

export class JournalPages {
  /** The index below which nothing was read yet; null before the end of the journal is known. */
  private below: number | null = null
  private window = WINDOW

  /** `until` is a time after which nothing is wanted, `about` the only subject. */
  constructor(private readonly api: Calls, private readonly about: string | null, private readonly until: string | null) {}

  get complete(): boolean {
    return this.below === 0
  }

  /** The next older page, the newest entry first. */
  async older(): Promise<EventRow[]> {
    this.below ??= await this.end()
    const found = this.about === null ? await this.page(this.below) : await this.pageAbout(this.about, this.below)
    return found.reverse().map(({ index, event }) => ({ id: event.id, index, event }))
  }

  private async page(below: number): Promise<JournalEntry[]> {
    const from = Math.max(0, below - PAGE)
    const items = below === 0 ? [] : await this.api.entries({ from, limit: below - from })
    this.below = from
    return items
  }

  private async pageAbout(about: string, end: number): Promise<JournalEntry[]> {
    const found: JournalEntry[] = []
    let below = end
    while (below > 0 && found.length < PAGE) {
      const from = Math.max(0, below - this.window)
      found.unshift(...await this.between(about, from, below))
      below = from
      this.window *= WINDOW_GROWTH
    }
    this.window = WINDOW
    this.below = below
    return found
  }

  private async between(about: string, from: number, below: number): Promise<JournalEntry[]> {
    const found: JournalEntry[] = []
    for (let next = from; next < below;) {
      const items = await this.api.entries({ from: next, limit: PAGE, about })
      found.push(...items.filter(({ index }) => index < below))
      if (items.length < PAGE) break
      next = items.at(-1)!.index + 1
    }
    return found
  }

  /** The index behind the newest entry that is wanted: entries are in the order of their times, so a few reads find it. */
  private async end(): Promise<number> {
    const { size } = await this.api.journalHead()
    if (this.until === null) return size
    let [low, high] = [0, size]
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const [entry] = await this.api.entries({ from: middle, limit: 1 })
      if (entry && Date.parse(entry.event.recorded_at) <= Date.parse(this.until)) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** The decision that an event rests on, where the journal has it. */
export async function decisionOf(api: Calls, index: number, event: Event): Promise<Decision | null> {
  if (!event.decision_id) return null
  const isIt = (entry: JournalEntry) => entry.event.type === DECIDED && entry.event.decision_id === event.decision_id
  const from = Math.max(0, index - NEAR)
  const near = await api.entries({ from, limit: NEAR + 1 })
  const found = near.find(isIt) ?? (await api.journalAbout(event.stream, 0)).find(isIt)
  return found ? (found.event.body as Decision) : null
}

const DECIDED = 'policy.decided'

const KINDS: Record<string, string> = { assist: 'Assistance', standing: 'Standing order', principal: 'Program', user: 'Person', tenant: 'Organisation', log: 'Journal', get vehicle_updates() { return say('Software of {vehicle.one}') }, update_repository: 'Releases', incident: 'Incident', on_call: 'On call', legal_hold: 'Legal hold', compliance_profile: 'Compliance of', policy_draft: 'Draft of rules', own_policies: 'Rules of', service_area: 'Service area', emission: 'Emission state of' }

/** The parts of this screen that have a page of each of their subjects. */
const AREAS: Record<string, string> = { bundle: 'bundles', issue: 'issues', report: 'reports' }

export interface SubjectWords {
  /** `vehicle/veh_…`, as the journal has it. */
  subject: string
  kind: string
  name: string
  /** Its page, where it has one that this person may open. */
  page: string | null
}

export function subjectOf(fleet: Fleet, subject: string): SubjectWords {
  const [kind = '', id = ''] = subject.split('/', 2)
  const label = KINDS[kind] ?? humanize(kind)
  const page = kind === 'vehicle' && session.may('get_v1_vehicles_vehicle') ? `/vehicles/${id}` : kind === 'trip' && session.may('get_v1_trips_trip') ? `/trips/${id}`
    : kind === 'rollout' && session.may('get_v1_rollouts_rollout') ? `/updates/rollouts/${id}`
      : kind === 'incident' && session.may('get_v1_incidents_incident') ? `/security/incidents/${id}`
        : kind === 'policy_draft' && session.may('get_v1_policy-drafts') ? `/policies/drafts/${id}` : kind === 'blast' && session.may('get_v1_blasts') ? `/sector-work/blasts/${id}` : kind === 'job' && session.may('get_v1_jobs') ? `/sector-work/jobs/${id}`
        : kind in AREAS && session.may('get_v1_evidence_reports') ? `/evidence/${AREAS[kind]}/${id}` : null
  const isNamed = kind === 'site' || kind === 'tenant' || kind === 'log' || kind === 'on_call' || kind === 'own_policies' || kind === 'emission'
  const known = kind === 'vehicle' || kind === 'vehicle_updates' ? fleet.vehicles.get(id)?.name : kind === 'user' || kind === 'principal' ? nameOf(id) : isNamed ? id : undefined
  return { subject, kind: label, name: known ?? shortId(id), page }
}

function nameOf(principal: string): string | undefined {
  const name = session.nameOf(principal)
  return name === principal ? undefined : name
}

/** Who acted, and the second person where two were needed. */
export function whoOf(fleet: Fleet, { kind, id, rule, second_approver }: Event['actor']): string {
  if (kind === 'automation') return `Automation${rule ? `: ${rule}` : ''}`
  if (kind === 'vehicle') return fleet.vehicles.get(id)?.name ?? `${say('{vehicle.One}')} ${shortId(id)}`
  const person = (id: string) => nameOf(id) ?? `Program ${shortId(id)}`
  return second_approver ? `${person(id)} and ${person(second_approver)}` : person(id)
}

/** An event in one sentence. */
export function sentenceOf(fleet: Fleet, event: Event): string {
  const others = event.about.map((subject) => subjectOf(fleet, subject)).map(({ kind, name }) => `${kind.toLowerCase()} ${name}`)
  if (event.type === DECIDED) {
    const { verdict, action, reasons } = event.body as Decision
    return `Policy ${verdict === 'allow' ? 'allows' : 'forbids'} ${action}${reasons[0] ? `: ${reasons[0].text}` : ''}`
  }
  const summary = summaryOf(event.stream.split('/')[0]!, event)
  return others.length > 0 ? `${summary}, with ${others.join(' and ')}` : summary
}
