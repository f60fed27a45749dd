// The story of a subject: what the journal says about it, step by step, with the decision behind each step and the event
// whose proof shows that it was recorded so.
import type { Decision, JournalEntry, TripTimeline } from '../api/types'
import { humanize } from './state'

export interface Step {
  key: string
  at: string
  event: string
  summary: string
  actor: { kind: string; id: string; role: string; second_approver: string | null }
  decision: Decision | null
  /** The id of the journal's event; null where this user may not read the journal. */
  entry: string | null
}

const DECIDED = 'policy.decided'

/** The steps of any subject, from the entries of the journal about it. */
export function storyOf(subject: string, entries: JournalEntry[]): Step[] {
  const kind = subject.slice(0, subject.indexOf('/'))
  const decisions = new Map<string, Decision>()
  const used = new Set<string>()
  for (const { event } of entries) {
    if (!event.decision_id) continue
    if (event.type === DECIDED) decisions.set(event.decision_id, event.body as Decision)
    else used.add(event.decision_id)
  }
  return entries
    .filter(({ event }) => event.type !== DECIDED || !event.decision_id || !used.has(event.decision_id))
    .map(({ event }) => ({
      key: event.id, at: event.recorded_at, event: event.type, summary: updateSummary(event) ?? summaryOf(kind, event), actor: event.actor,
      decision: event.decision_id ? (decisions.get(event.decision_id) ?? null) : null, entry: event.id,
    }))
}

/** The events of software updates whose point is not in their name. */
function updateSummary({ type, body }: JournalEntry['event']): string | null {
  const content = (body ?? {}) as { vehicle?: string; proven?: boolean; code?: string | null; stage?: number; status?: string; members?: number | null }
  if (type === 'rollout.outcome_counted') return `Counted: ${content.vehicle} ${content.proven ? 'has proven it' : `failed${content.code ? `, ${humanize(content.code).toLowerCase()}` : ''}`}`
  if (type === 'rollout.stage_opened') return `Stage ${(content.stage ?? 0) + 1} opened${typeof content.members === 'number' ? `, for ${content.members} ${content.members === 1 ? 'vehicle' : 'vehicles'}` : ''}`
  if (type === 'update.progressed') return `Update ${humanize(content.status ?? 'progressed').toLowerCase()}`
  return null
}

/** The steps of a trip, which the server puts into words; `entries` adds what proves them. */
export function tripStory({ steps }: TripTimeline, entries: JournalEntry[]): Step[] {
  const ids = new Map(entries.map(({ event }) => [`${event.type}|${event.recorded_at}`, event.id]))
  return steps.map(({ n, at, event, summary, actor, decision }) =>
    ({ key: String(n), at, event, summary, actor, decision: decision as Decision | null, entry: ids.get(`${event}|${at}`) ?? null }))
}

/** `vehicle.stop_ordered` with a reason becomes `Stop ordered: person on the road`; of another kind of thing it is named. */
export function summaryOf(kind: string, { type, body }: JournalEntry['event']): string {
  const [of = '', event = type] = type.split('.', 2)
  const what = humanize(of === kind ? event : `${of} ${event}`)
  const content = (body ?? {}) as Record<string, unknown>
  const details = ['kind', 'class', 'name', 'reason', 'code'].flatMap((name) => {
    const value = content[name]
    return typeof value === 'string' && value !== '' ? [/^[A-Z_]+$/.test(value) ? humanize(value).toLowerCase() : value.replaceAll('_', ' ')] : []
  })
  return details.length > 0 ? `${what}: ${details.join(', ')}` : what
}

export function toneOf(event: string): 'bad' | 'good' | '' {
  if (/violation_opened|^incident\.(opened|finding_joined|containment_refused|escalated)|^rollout\.paused|stranded|failed|expired|safe_stopped|stop_ordered|assist|silent|went_offline|rejected|denied|^identity\.(refused|quarantined|revoked)/.test(event)) return 'bad'
  if (/completed|^incident\.(acknowledged|restored|closed)|^update\.succeeded|violation_closed|resumed|stop_cleared|approved|came_online/.test(event)) return 'good'
  return ''
}
