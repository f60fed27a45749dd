// What incidents, their severity and their steps are called, in words.
import type { ChannelKind, Decision, Incident, IncidentSeverity, IncidentStatus, IncidentTimeline } from '../../api/types'
import type { Tone } from '../../components/StatusPill.svelte'
import { formatDuration, shortId } from '../../components/format'
import type { Fleet } from '../../live/fleet.svelte'
import { summaryOf } from '../../live/story'
import { say } from '../../state/sector.svelte'
import { session } from '../../state/session.svelte'
import { subjectOf } from '../evidence/events'

/** A `Record`, so that a severity that the API gains does not compile until it has words here. */
export const SEVERITY: Record<IncidentSeverity, { label: string; tone: Tone; urgency: number; meaning: string }> = {
  critical: { label: 'Critical', tone: 'critical', urgency: 4, meaning: 'an emergency: it is contained at once, and people are called' },
  high: { label: 'High', tone: 'serious', urgency: 3, meaning: 'an emergency: it is contained at once, and people are called' },
  medium: { label: 'Medium', tone: 'active', urgency: 2, meaning: 'watched for a day, and the team is told' },
  low: { label: 'Low', tone: '', urgency: 1, meaning: 'watched for a day, and the team is told' },
}
/** The choice of a severity, and what follows from it. */
export const severityField = (value: IncidentSeverity) => ({
  name: 'severity', label: 'Severity', kind: 'select' as const, value, options: Object.entries(SEVERITY).map(([value, { label }]) => ({ value, label })),
  hint: 'Critical and high are emergencies: contained at once, and people are called. Medium and low are watched for a day.',
})

export const STATUS: Record<IncidentStatus, { label: string; tone: Tone; rank: number; meaning: string }> = {
  NEW: { label: 'New', tone: 'serious', rank: 0, meaning: 'its severity is being judged' },
  TRIAGED: { label: 'Judged', tone: 'serious', rank: 1, meaning: 'its severity is known' },
  CONTAINING: { label: 'Being contained', tone: 'serious', rank: 2, meaning: 'what policy allows is under way' },
  CONTAINED: { label: 'Contained', tone: 'active', rank: 3, meaning: 'it can do no more harm, and waits for somebody who looks into it' },
  INVESTIGATING: { label: 'Looked into', tone: 'active', rank: 4, meaning: 'somebody looks into it' },
  ESCALATED: { label: 'With experts', tone: 'serious', rank: 5, meaning: 'an expert team has it; what is isolated stays so' },
  RECOVERING: { label: 'Being restored', tone: 'active', rank: 6, meaning: 'a second person decides whether the access comes back' },
  CLOSED: { label: 'Closed', tone: '', rank: 7, meaning: 'nothing more is done about it' },
}

/** Its status in words: that access came back, or that it waits for a person, is no status of its own. */
export function statusOf({ status, restored_at, waits_for_person, watch_until }: Incident): (typeof STATUS)[IncidentStatus] {
  if (status === 'RECOVERING' && restored_at) return { label: 'Restored', tone: 'good', rank: 6, meaning: 'access came back; it can be closed' }
  if (status === 'TRIAGED' && waits_for_person) return { label: 'Waits for a person', tone: 'critical', rank: 1, meaning: 'nothing is contained: a person decides' }
  if (status === 'TRIAGED' && watch_until) return { label: 'Watched', tone: 'active', rank: 1, meaning: 'it is watched more closely for a day' }
  return STATUS[status]
}

export const isOver = ({ status }: Incident) => status === 'CLOSED'
export const isEmergency = ({ severity }: Incident) => severity === 'high' || severity === 'critical'
/** Whether access was taken away that has not come back. */
export const isHeld = ({ contained, restored_at }: Incident) => contained !== null && (contained.ordered.isolate || contained.ordered.revoke) && restored_at === null

/** Open ones first, the worst of them first, the newest of those first. */
export function inOrder(incidents: Iterable<Incident>): Incident[] {
  return [...incidents].sort((a, b) => Number(isOver(a)) - Number(isOver(b)) || (isOver(a) ? 0 : SEVERITY[b.severity].urgency - SEVERITY[a.severity].urgency) || b.opened_at.localeCompare(a.opened_at))
}

export const CHANNELS: Record<ChannelKind, { label: string; address: string; secret: string }> = {
  pager_duty: { label: 'PagerDuty', address: 'https://events.pagerduty.com/v2/enqueue', secret: 'Routing key' },
  webhook: { label: 'Web address (signed)', address: 'https://alarms.example.org/atlasmesh', secret: 'Secret that signs' },
}

/** Whom or what an incident is about. */
export function aboutOf(fleet: Fleet, subject: string): { name: string; kind: string; page: string | null } {
  const { kind, name, page } = subjectOf(fleet, subject)
  if (subject.startsWith('log/')) return { kind: 'Journal', name: 'The journal', page: null }
  // Who has no name is told from others by the end of the id.
  return { kind, name: subject.endsWith(name) ? `${kind} ${name}` : name, page }
}

export const vehicleOf = ({ subject }: Incident) => (subject.startsWith('vehicle/') ? subject.slice('vehicle/'.length) : null)

/** Who acted; the journal names the program as `atlasmesh`. */
export function whoIs(fleet: Fleet, id: string): string {
  if (id === session.identity?.principal) return 'you'
  if (id === 'atlasmesh') return 'AtlasMesh'
  if (id.startsWith('veh_')) return fleet.vehicles.get(id)?.name ?? `${say('{vehicle.one}')} ${shortId(id)}`
  return session.nameOf(id)
}

/** Who has it now, or that nobody does. */
export function holderOf(fleet: Fleet, { call, escalation, investigated_by, closed_by, status }: Incident): string {
  if (status === 'CLOSED') return closed_by ? `closed by ${whoIs(fleet, closed_by)}` : ''
  if (status === 'ESCALATED' && escalation) return escalation.team
  const who = investigated_by ?? call?.acknowledged_by
  return who ? whoIs(fleet, who) : 'nobody yet'
}

/** A duration that the report has in seconds. */
export function spanText(seconds: number | null): string {
  if (seconds === null) return 'not yet'
  return seconds < 1 ? 'under 1 s' : formatDuration(seconds * 1000)
}

export const capital = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}`

export const listOf = (names: string[]) => (names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`)

export const entriesText = (count: number) => `${count.toLocaleString('en')} ${count === 1 ? 'entry' : 'entries'}`

const ACTIONS: Record<string, string> = { 'incident.isolate': 'isolating', 'incident.revoke': 'ending the access', 'incident.restore': 'restoring the access' }

/** An entry of the timeline in one sentence. */
export function entryText(fleet: Fleet, { type, body, of_incident }: IncidentTimeline['entries'][number]): string {
  const said = (body ?? {}) as { reason?: string; severity?: IncidentSeverity; people?: string[]; level?: number; by?: string; what?: string; until?: string; team?: string; lessons?: string
    finding?: { title: string; rule: string }; containment?: { isolate: boolean; revoke: boolean }; artefact?: { name: string } }
  switch (type) {
    case 'policy.decided': {
      const { verdict, action, reasons } = body as Decision
      return `Policy ${verdict === 'allow' ? 'allows' : 'forbids'} ${ACTIONS[action] ?? action}${reasons[0] ? `: ${reasons[0].text}` : ''}`
    }
    case 'incident.opened': return `Found: ${said.finding?.title ?? ''}`
    case 'incident.finding_joined': return `Also found: ${said.finding?.title ?? ''}`
    case 'incident.severity_changed': return `Severity set to ${said.severity ? SEVERITY[said.severity].label.toLowerCase() : ''}: ${said.reason ?? ''}`
    case 'incident.triaged': return 'Severity judged'
    case 'incident.containment_ordered': return `Ordered: ${listOf([...(said.containment?.isolate ? ['isolate it'] : []), ...(said.containment?.revoke ? ['end its access'] : [])])}`
    case 'incident.containment_refused': return `Left to a person: ${plain(said.reason ?? '')}`
    case 'incident.isolated': return 'Isolated'
    case 'incident.access_revoked': return `Access ended: ${said.what ?? ''}`
    case 'incident.watch_began': return 'Watched more closely from now on'
    case 'incident.watch_ended': return 'No longer watched'
    case 'incident.called': return said.people?.length ? `Called: ${listOf(said.people)}, level ${(said.level ?? 0) + 1}` : 'Called: whoever looks at this page'
    case 'incident.acknowledged': return `Acknowledged by ${whoIs(fleet, said.by ?? '')}`
    case 'incident.diagnostics_asked': return 'Diagnostics asked for'
    case 'incident.artefact_kept': return `Kept: ${said.artefact?.name ?? ''}`
    case 'incident.investigation_began': return 'Somebody looks into it'
    case 'incident.recovery_began': return 'Restoring the access was asked for'
    case 'incident.restored': return `Access restored: ${said.reason ?? ''}`
    case 'incident.escalated': return `Given to ${said.team ?? ''}: ${said.reason ?? ''}`
    case 'incident.closed': return `Closed: ${said.lessons ?? ''}`
    default: return summaryOf(of_incident ? 'incident' : 'vehicle', { type, body } as Parameters<typeof summaryOf>[1])
  }
}

/** Words of the server without those that only it uses. */
export const plain = (text: string) => text.replace(/\ba principal\b/gi, (found) => (found.startsWith('A') ? 'A person or a program' : 'a person or a program')).replace(/\.$/, '')
