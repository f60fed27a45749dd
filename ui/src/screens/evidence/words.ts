// What clauses, issues, bundles, reports and what is due are called, in words.
import { roleLabel } from '../../api/accounts'
import type { Bundle, ComplianceIssue, ComplianceReport, Framework, IssueKind, Mitigation, Obligation } from '../../api/types'
import type { Tone } from '../../components/StatusPill.svelte'
import { formatDuration, shortId } from '../../components/format'
import type { Fleet } from '../../live/fleet.svelte'
import { say } from '../../state/sector.svelte'
import { session } from '../../state/session.svelte'
import { subjectOf } from './events'

interface Words { label: string; tone: Tone; meaning: string }
type Told = Words & { rank: number }

const UNKNOWN: Words = { label: 'Unknown', tone: '', meaning: 'this page is older than its server' }
const VERDICTS: Record<string, Words> = {
  satisfied: { label: 'Satisfied', tone: 'good', meaning: 'the journal has what the clause asks for' },
  not_satisfied: { label: 'Not satisfied', tone: 'critical', meaning: 'the journal has what the clause forbids, or lacks what it asks for' },
  not_evaluable: { label: 'Not evaluable', tone: '', meaning: 'the journal says nothing about it: others have to show it' },
}
export const verdictOf = (verdict: string) => VERDICTS[verdict] ?? UNKNOWN

export const KIND: Record<IssueKind, Words> = {
  violation: { label: 'Violation', tone: 'critical', meaning: 'something happened that a clause forbids' },
  missing: { label: 'Missing', tone: 'serious', meaning: 'a clause asks for evidence, and there is none' },
  late: { label: 'Late', tone: 'serious', meaning: 'the newest evidence is too old, or an authority waits for something' },
  unverifiable: { label: 'Unverifiable', tone: 'critical', meaning: 'evidence is there and cannot be verified' },
  silent: { label: 'Silent', tone: 'serious', get meaning() { return say('{vehicle.a} in service says nothing any more') } },
  unwitnessed: { label: 'Unwitnessed', tone: 'serious', meaning: 'witnesses have not seen the log in time' },
}

export const ISSUE: Record<ComplianceIssue['status'], Told> = {
  OPEN: { label: 'Open', tone: 'serious', rank: 0, meaning: 'something is to be done about it' },
  MITIGATED: { label: 'Mitigated', tone: 'active', rank: 1, meaning: 'what was ordered is done; somebody says how it ended' },
  RESOLVED: { label: 'Resolved', tone: '', rank: 2, meaning: 'it is over' },
}

export const MITIGATION: Record<Mitigation, string> = {
  assign: 'Give it to whoever answers for it', collect_evidence: 'Collect the evidence', verify_journal: 'Verify the journal', get hold_vehicle() { return say('Hold the {vehicle.one}') },
}

export const BUNDLE: Record<Bundle['status'], Words> = {
  REQUESTED: { label: 'Being made', tone: 'active', meaning: 'it is collected, assessed, signed and checked' },
  COMPLETE: { label: 'Complete', tone: 'good', meaning: 'it is signed, and nothing is missing' },
  INCOMPLETE: { label: 'Incomplete', tone: 'serious', meaning: 'it is signed, and says what is missing or cannot be verified' },
  FAILED: { label: 'Failed', tone: 'critical', meaning: 'it could not be made' },
}

export const REPORT: Record<ComplianceReport['status'], Told> = {
  DRAFT: { label: 'Draft', tone: 'active', rank: 1, meaning: 'it is being written' },
  SIGNED: { label: 'Signed', tone: 'active', rank: 2, meaning: 'it is written down and signed, and not handed over yet' },
  SUBMITTED: { label: 'Submitted', tone: 'active', rank: 3, meaning: 'the authority has it' },
  ACCEPTED: { label: 'Accepted', tone: 'good', rank: 4, meaning: 'the authority accepted it' },
  REJECTED: { label: 'Rejected', tone: 'critical', rank: 0, meaning: 'the authority wants a correction' },
  LOGGED: { label: 'Logged', tone: 'good', rank: 5, meaning: 'it stays in the house' },
}

export const DUE: Record<Obligation['status'], Words> = {
  OPEN: { label: 'Due', tone: '', meaning: 'an authority waits for it' },
  DUE_SOON: { label: 'Due soon', tone: 'serious', meaning: 'it is due within a day' },
  MISSED: { label: 'Missed', tone: 'critical', meaning: 'the authority did not get it in time' },
  MET: { label: 'Met', tone: 'good', meaning: 'the authority has it' },
}

export const FROM: Record<string, string> = { entries: 'journal', setting: 'profile', person: 'a person', nothing: '' }

/** Open ones first, those that are due soonest first; then those that are over, the newest first. */
export function inOrder(issues: Iterable<ComplianceIssue>): ComplianceIssue[] {
  const over = ({ status }: ComplianceIssue) => status === 'RESOLVED'
  return [...issues].sort((a, b) => Number(over(a)) - Number(over(b)) || (over(a) ? b.raised_at.localeCompare(a.raised_at) : a.due_at.localeCompare(b.due_at)))
}

/** How much time is left until something, or for how long it is late. */
export function timeLeft(fleet: Fleet, at: string): string {
  const ms = Date.parse(at) - fleet.now()
  return ms >= 0 ? `${formatDuration(ms)} left` : `${formatDuration(-ms)} late`
}

/** Who acted; the journal names the program as `atlasmesh`, and roles as such. */
export function whoIs(id: string): string {
  if (id === session.identity?.principal) return 'you'
  if (id === 'atlasmesh' || id.startsWith('base.') || id.startsWith('evidence.')) return 'AtlasMesh'
  return session.nameOf(id)
}
export const ownerOf = (role: string) => roleLabel(role)

/** A subject of the journal by its name, with its page where it has one. */
export function aboutOf(fleet: Fleet, subject: string | null): { name: string; page: string | null } {
  if (subject === null) return { name: 'Everything', page: null }
  const { kind, name, page } = subjectOf(fleet, subject)
  return { name: subject.endsWith(name) ? `${kind} ${name}` : name, page }
}

export const percent = (share: number | null) => (share === null ? 'nothing to measure yet' : `${(share * 100).toFixed(share === 1 || share === 0 ? 0 : 1)} %`)
export const clausesIn = ({ clauses }: Framework) => `${clauses.length} ${clauses.length === 1 ? 'clause' : 'clauses'}`
export const reportName = ({ title, id }: ComplianceReport) => `${title} ${shortId(id)}`

/** Vehicles as choices of a form, by name. */
export const vehicleOptions = (fleet: Fleet) => [...fleet.vehicles.values()].toSorted((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }))
  .map(({ id, name }) => ({ value: id, label: name }))

/** The subject that a form names: a vehicle that was chosen, or another that was typed as `kind/id`. */
export function chosenSubject(values: Record<string, unknown>): string | null {
  const typed = String(values['subject'] ?? '').trim()
  return typed || (values['vehicle'] ? `vehicle/${String(values['vehicle'])}` : null)
}
export const subjectFields = (fleet: Fleet, everything: string, given = '') => [
  { name: 'vehicle', label: 'About', kind: 'select' as const, half: true, value: given.startsWith('vehicle/') ? given.slice('vehicle/'.length) : '', options: [{ value: '', label: everything }, ...vehicleOptions(fleet)] },
  { name: 'subject', label: 'Or something else', half: true, optional: true, maxlength: 100, value: given.startsWith('vehicle/') ? '' : given, placeholder: 'trip/trip_…', hint: 'As the journal names it: its kind, a slash and its id.' },
]
