// What rules, drafts and facts are in words, for people who have never seen how rules are written.
import type { Effect, Policies, PolicyDraft, ReplayChange, Waiver } from '../../api/policies'
import type { Tone } from '../../components/StatusPill.svelte'
import { formatDuration } from '../../components/format'
import { inbox } from '../../live/inbox.svelte'
import { say } from '../../state/sector.svelte'
import { session } from '../../state/session.svelte'

export interface Words { label: string; tone: Tone; meaning: string }

export const EFFECT: Record<Effect, Words> = {
  forbid: { label: 'Forbids', tone: 'critical', meaning: 'it says no where its condition holds, whatever others permit' },
  permit: { label: 'Permits', tone: 'good', meaning: 'it says who may; another rule may still forbid' },
  limit: { label: 'Limits', tone: 'serious', meaning: 'it lets the act go on, within a limit; of several limits the tighter one counts' },
}

/** Where a draft is in its life; that a second person is asked stands in the inbox. */
export type DraftStatus = PolicyDraft['state'] | 'approval' | 'superseded'
export function statusOf({ id, state }: PolicyDraft, policies: Policies | null): DraftStatus {
  if (state === 'active') return policies && policies.own?.draft !== id ? 'superseded' : 'active'
  return state !== 'withdrawn' && isAsked(id) ? 'approval' : state
}
/** Whether its activation waits for a second person. */
const isAsked = (draft: string) => inbox.approvals.some((approval) => approval.action === 'policy.activate' && approval.state === 'pending' && approval.arguments['draft'] === draft)

export const DRAFT: Record<DraftStatus, Words> = {
  draft: { label: 'Being written', tone: 'active', meaning: 'nothing of it is in force' },
  shadow: { label: 'In shadow', tone: 'active', meaning: 'it is asked beside every decision, and what it would change is only counted' },
  approval: { label: 'Waits for approval', tone: 'serious', meaning: 'a second person decides whether it comes into force' },
  active: { label: 'In force', tone: 'good', meaning: 'every decision is made with it' },
  superseded: { label: 'Superseded', tone: '', meaning: 'other rules took its place' },
  withdrawn: { label: 'Withdrawn', tone: '', meaning: 'it was given up' },
}

export const WAIVER: Record<Waiver['state'], Words> = {
  active: { label: 'In force', tone: 'serious', meaning: 'the rule does not hold for now' },
  ended: { label: 'Ended', tone: '', meaning: 'somebody ended it before its time' },
  expired: { label: 'Expired', tone: '', meaning: 'its time is over: the rule holds again' },
}

export const CHANGE: Record<ReplayChange, Words> = {
  allow_to_deny: { label: 'Allow → deny', tone: 'critical', meaning: 'it was allowed, and these rules forbid it' },
  deny_to_allow: { label: 'Deny → allow', tone: 'serious', meaning: 'it was forbidden, and these rules allow it' },
  tighter: { label: 'Tighter', tone: 'active', meaning: 'it stays allowed, within narrower limits' },
  looser: { label: 'Looser', tone: 'serious', meaning: 'it stays allowed, within wider limits' },
}

const ACTIONS: Record<string, string> = {
  'trip.request': 'ask for {trip.a}', 'trip.monitor': 'drive on, while under way', 'trip.resume': 'go on with {trip.a} that was paused', 'vehicle.assign': 'give {vehicle.a} {trip.a}',
  'vehicle.register': 'register {vehicle.a}', 'stop.clear': 'clear a stop', 'hold.release': 'release a hold', 'closure.lift': 'open what is closed', 'site.import': 'import a map', 'feature.use': 'use a feature',
  'incident.isolate': 'isolate after an attack', 'incident.restore': 'give access back after an attack', 'incident.revoke': 'end an identity after an attack', 'issue.mitigate': 'act on an issue of compliance',
  'model.promote': 'put a prediction model in use', 'model.roll_back': 'go back to another prediction model', 'personal.erase': 'erase personal values', 'policy.activate': 'put rules in force', 'policy.roll_back': 'go back to rules of before',
  'release.publish': 'publish a release of software', 'report.submit': 'submit a report', 'report.decide': 'decide on a report', 'rollout.start': 'start a rollout', 'rollout.resume': 'resume a rollout', 'waiver.grant': 'waive a rule',
  'sector.activate': 'put a sector in force', 'blast.guard': 'say that a blast is guarded', 'blast.fire': 'fire a blast', 'blast.examine': 'sign the examination of a blast', 'blast.release': 'open the area of a blast', 'blast.call_off': 'call a blast off',
  'job.release': 'let a container go at the gate', 'emission.relax': 'let more be sent out', 'clearance.grant': 'clear a person or {vehicle.a}',
}
/** An action in words where they are known; its name always stands beside them. */
export const actionWords = (action: string) => (action in ACTIONS ? say(ACTIONS[action]!) : '')

export function layerWords(layer: string): string {
  if (layer === 'base') return 'Everybody’s'
  const [kind, name = ''] = layer.split(':', 2)
  return kind === 'sector' ? `Sector ${name}` : 'Your own'
}

/** Which unit a fact has, by the end of its name. */
const UNITS: [string, string][] = [
  ['_mps', 'm/s'], ['_kg', 'kg'], ['_pct', '%'], ['_wh', 'Wh'], ['_ms', 'ms'], ['_s', 's'], ['_min', 'min'], ['_m', 'm'], ['_c', '°C'],
]
export const unitOf = (name: string) => UNITS.find(([end]) => name.endsWith(end))?.[1] ?? ''
/** The name of a fact without its unit. */
export const factWords = (name: string) => (UNITS.some(([end]) => name.endsWith(end)) ? name.slice(0, name.lastIndexOf('_')) : name).replaceAll('_', ' ')

const TYPES: Record<string, string> = { Bool: 'yes or no', Long: 'whole number', decimal: 'number', String: 'word', 'Set<String>': 'words' }
export const typeWords = (type: string) => TYPES[type] ?? type
export const ageWords = (ms: number | null | undefined) => (ms ? `not older than ${formatDuration(ms)}` : '')

export const sameText = ({ digest }: PolicyDraft, done: { digest: string } | null) => done !== null && done.digest === digest
export const isOpen = ({ state }: PolicyDraft) => state === 'draft' || state === 'shadow'

export function whoIs(id: string): string {
  return id === session.identity?.principal ? 'you' : id === 'atlasmesh' ? 'AtlasMesh' : session.nameOf(id)
}

/** What the server says was expected or found, in one line: `allow`, or the rules that say no. */
export function outcome(value: unknown): string {
  if (value === null || value === undefined) return '–'
  if (Array.isArray(value)) return value.map((part) => (typeof part === 'object' && part !== null ? reasonText(part) : String(part))).join(', ') || 'none'
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
function reasonText(reason: object): string {
  const { text, policy_id } = reason as { text?: string; policy_id?: string }
  return [policy_id, text].filter(Boolean).join(': ') || JSON.stringify(reason)
}

export const count = (n: number, one: string, many: string) => `${n.toLocaleString()} ${n === 1 ? one : many}`
