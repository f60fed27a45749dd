// What parts of a sector, features, flags and limits are called, in words.
import type { FeatureStep, FlagClass, PreviewPart, SectorLimit } from '../../api/sector'
import type { Tone } from '../../components/StatusPill.svelte'
import { formatDuration, formatSpeed } from '../../components/format'
import { humanize } from '../../live/state'

export const PART: Record<PreviewPart, string> = {
  policies: 'Policies', limits: 'Limits', flags: 'Flags', features: 'Features', words: 'Words', appearance: 'Appearance',
}

export const STEP: Record<FeatureStep, { label: string; asks: string }> = {
  installed: { label: 'Installed', asks: 'Is it in the programs that run here?' },
  entitled: { label: 'Entitled', asks: 'Does the subscription include it?' },
  flag: { label: 'Flag', asks: 'Is its flag on?' },
  policy: { label: 'Policy', asks: 'Does policy allow it?' },
}
export const STEPS = Object.keys(STEP) as FeatureStep[]

export const CLASS: Record<FlagClass, { label: string; tone: Tone; meaning: string }> = {
  release: { label: 'Release', tone: 'active', meaning: 'brings something new, and goes once all have it' },
  'ops-kill': { label: 'Kill switch', tone: 'critical', meaning: 'takes something out of use at once; it comes back by a second person' },
  entitlement: { label: 'Entitlement', tone: '', meaning: 'is on where the subscription includes it' },
  experiment: { label: 'Experiment', tone: 'serious', meaning: 'tries something with a share' },
}

export const KEPT_BY: Record<SectorLimit['kept_by'], string> = {
  policy: 'Kept by policy, at each request', routes: 'Kept by routes, where such places are drawn under Roads', nothing: 'Not enforced here',
}

/** `max_speed_mps` is `Max speed`: its unit is with the value. */
export const limitName = ({ limit }: SectorLimit): string => humanize(limit.replace(/_(mps2|mps|m|s|pct)$/, ''))

interface Hours { days: string[]; from: string; to: string }
const isHours = (value: unknown): value is Hours => typeof value === 'object' && value !== null && 'days' in value && 'from' in value && 'to' in value

const UNITS: Record<string, string> = { mps2: 'm/s²', m: 'm', pct: '%' }

/** A name of the API, such as `AUTONOMOUS`, in words; what somebody wrote stays. */
const wordOf = (value: string) => (/^[A-Z][A-Z_]*$/.test(value) ? humanize(value) : value)

/** The value of a limit, with the unit that its name ends with. */
export function limitValue({ limit, value }: SectorLimit): string {
  if (typeof value === 'boolean') return value ? 'Yes' : 'No'
  if (typeof value === 'number') {
    const unit = /_(mps2|mps|m|s|pct)$/.exec(limit)?.[1] ?? ''
    if (unit === 'mps') return formatSpeed(value)
    if (unit === 's') return formatDuration(value * 1000)
    return `${value.toLocaleString()} ${UNITS[unit] ?? ''}`.trim()
  }
  if (Array.isArray(value)) return value.map((each) => (isHours(each) ? `${each.days.map(humanize).join(', ')} ${each.from}–${each.to}` : wordOf(String(each)))).join('; ')
  return typeof value === 'string' ? wordOf(value) : JSON.stringify(value)
}

/** What changes, in words: the API says of a limit `new: max_speed_mps at open-pit: 13.9`. */
export function changeText(part: PreviewPart, change: string): string {
  const found = part === 'limits' ? /^(new|no longer): (\w+?)(?: at ([\w-]+))?: (.*)$/.exec(change) : null
  if (!found) return change
  const [, how, limit, scope, value] = found
  const parsed = { limit: limit!, value: JSON.parse(value!), scope: scope ?? null, rules: [], kept_by: 'nothing' } as SectorLimit
  return `${how}: ${limitName(parsed)}${scope ? ` at ${humanize(scope.replaceAll('-', '_')).toLowerCase()}` : ''}, ${limitValue(parsed)}`
}

export const parameterValue = (value: number, unit: string): string => (unit === 'm/s' ? formatSpeed(value) : `${value.toLocaleString()} ${unit.replace('m/s2', 'm/s²')}`)

/** What a subscription lacks: `sector=mining` is the sector, everything else a feature. */
export const missingText = (missing: string): string => missing.replace(/^sector=(.*)$/, (_, name: string) => `the sector ${name.replaceAll('_', '-')} in the subscription`)

const FLAG_REASON: Record<string, string> = {
  STATIC: 'as it is set', DEFAULT: 'by default', TARGETING_MATCH: 'by its rule', SPLIT: 'by its share', DISABLED: 'it is switched off', CACHED: 'as it was last known', STALE: 'as it was last known', ERROR: 'it could not be evaluated', UNKNOWN: 'not known why',
}
/** Why a flag has its value; the names are those of OpenFeature. */
export const flagReason = (reason: string): string => FLAG_REASON[reason] ?? reason
