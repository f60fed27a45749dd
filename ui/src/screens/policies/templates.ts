// Rules to begin from: each works as it stands, and comes with the cases that show it. Numbers in cases keep their decimal
// point, because without one they are whole numbers, so cases are written as text.
import type { Vocabulary, VocabularyFact } from '../../api/policies'
import { sector } from '../../state/sector.svelte'
import { session } from '../../state/session.svelte'

export interface Template {
  key: string
  title: string
  meaning: string
  action: string
  /** What the person chooses; the rule and its cases are made with it. */
  asks?: { label: string; value: string; unit?: string; whole?: boolean; step?: number }
  /** The end of the rule's name, which is unique over all rules. */
  name: string
  rule: (value: string) => { purpose: string; reason?: string; advice?: string; notes?: string[]; effect: 'forbid' | 'permit'; condition?: string }
  who?: { role: string; authentication: string; resource: string }
  cases: (value: string, id: string) => string[]
}

const number = (value: string) => (/^-?\d+$/.test(value) ? `${value}.0` : value)
/** The number that is this much off, with as many decimals as are typed. */
const off = (value: string, by: number) => number(String(Math.round((Number(value) + by) * 1e4) / 1e4))
const given = (facts: string) => `"given": { "facts": { ${facts} } }`
const allow = (name: string, facts = '', rest = '') => `{ "name": "${name}", ${facts && `${given(facts)}, `}"then": "allow"${rest} }`
const deny = (name: string, facts: string, id: string) => `{ "name": "${name}", ${given(facts)}, "then": ["${id}"] }`
const limited = (name: string, facts: string, id: string) => allow(name, facts, `, "limits": ["${id}"]`)

export const TEMPLATES: Template[] = [
  {
    key: 'load', title: 'Forbid {trip.many} with a heavy load', meaning: '{trip.A} is refused when its load weighs more than you say.', action: 'trip.request', name: 'trip.load',
    asks: { label: 'Heaviest load', value: '400', unit: 'kg' },
    rule: (value) => ({ effect: 'forbid', purpose: `Bridges and floors of the site carry ${value} kg.`, reason: `{payload_kg} kg are more than the ${value} kg that we allow`, advice: 'Split the load.', notes: [`@modify("payload_kg<=${number(value)}")`], condition: `context.payload_kg.greaterThan(decimal("${number(value)}"))` }),
    cases: (value, id) => [allow('a light load'), allow('exactly the limit', `"payload_kg": ${number(value)}`), deny('a heavier load', `"payload_kg": ${off(value, 0.1)}`, id)],
  },
  {
    key: 'distance', title: 'Forbid long {trip.many}', meaning: '{trip.A} is refused when its stops are farther apart than you say.', action: 'trip.request', name: 'trip.distance',
    asks: { label: 'Longest trip', value: '20000', unit: 'm' },
    rule: (value) => ({ effect: 'forbid', purpose: 'Help is never farther away than this.', reason: `The stops are {distance_m} m apart; we allow ${value} m`, advice: 'Choose nearer stops.', condition: `context.distance_m.greaterThan(decimal("${number(value)}"))` }),
    cases: (value, id) => [allow('a short trip'), allow('exactly the limit', `"distance_m": ${number(value)}`), deny('farther', `"distance_m": ${off(value, 0.1)}`, id)],
  },
  {
    key: 'zone', title: 'Forbid stops in a kind of zone', meaning: '{trip.A} is refused when one of its stops lies in a zone of this kind.', action: 'trip.request', name: 'trip.stop-zone',
    asks: { label: 'Kind of zone', value: 'speed' },
    rule: (value) => ({ effect: 'forbid', purpose: `Nobody gets in or out in a zone of the kind ${value}.`, reason: `A stop lies in a zone of the kind ${value}`, advice: 'Choose a stop outside the zone.', condition: `context.zone_kinds_at_stops.contains("${value}")` }),
    cases: (value, id) => [allow('outside of zones'), deny('in such a zone', `"zone_kinds_at_stops": ["${value}"]`, id)],
  },
  {
    key: 'speed', title: 'Limit the speed of {trip.many}', meaning: '{trip.Many} go on, but no {vehicle.one} drives faster than you say.', action: 'trip.request', name: 'trip.limit-speed',
    asks: { label: 'Top speed', value: '8', unit: 'm/s' },
    rule: (value) => ({ effect: 'permit', purpose: `No vehicle of ours drives faster than ${value} m/s.`, notes: ['@constrain("max_speed_mps")', `@value("${number(value)}")`] }),
    cases: (_, id) => [limited('every trip is driven within the limit', '', id)],
  },
  {
    key: 'loaded', title: 'Limit the speed with a load', meaning: 'Loaded {vehicle.many} drive slower than you say; empty ones are not affected.', action: 'trip.request', name: 'trip.limit-speed-loaded',
    asks: { label: 'Top speed with a load', value: '6', unit: 'm/s' },
    rule: (value) => ({ effect: 'permit', purpose: `With a load ${value} m/s, because brakes need longer.`, notes: ['@constrain("max_speed_mps")', `@value("${number(value)}")`], condition: 'context.payload_kg.greaterThan(decimal("0.0"))' }),
    cases: (_, id) => [allow('empty'), limited('loaded', '"payload_kg": 120.0', id)],
  },
  {
    key: 'battery', title: 'Forbid {trip.many} on a low battery', meaning: 'No {vehicle.one} gets {trip.a} while its battery is lower than you say; the way to the charger stays open.', action: 'vehicle.assign', name: 'assignment.battery',
    who: { role: 'automation', authentication: 'internal', resource: 'vehicle/v1' }, asks: { label: 'Lowest battery', value: '30', unit: '%' },
    rule: (value) => ({ effect: 'forbid', purpose: `A reserve of ${value} % for detours and cold days.`, reason: `The battery is at {battery_pct} %; trips begin at ${value} %`, advice: 'Charge the vehicle first.', condition: `context.battery_pct.lessThan(decimal("${number(value)}")) && !["charge", "recovery"].contains(context.trip_kind)` }),
    cases: (value, id) => [allow('charged'), allow('exactly the reserve', `"battery_pct": ${number(value)}`), deny('low', `"battery_pct": ${off(value, -0.1)}`, id), allow('low, but to the charger', `"battery_pct": ${off(value, -0.1)}, "trip_kind": "charge"`)],
  },
  {
    key: 'gentle', title: 'Slow down who drives too fast', meaning: '{vehicle.A} under way that is faster than its limit by as much is told to slow down.', action: 'trip.monitor', name: 'monitoring.speed',
    who: { role: 'vehicle', authentication: 'vehicle_secret', resource: 'trip/t1' }, asks: { label: 'Over the limit by', value: '0.5', unit: 'm/s' },
    rule: (value) => ({ effect: 'forbid', purpose: 'We correct small excesses too.', reason: `The vehicle is {over_limit_mps} m/s over its limit; we allow ${value}`, notes: ['@response("slow")'], condition: `context.over_limit_mps.greaterThan(decimal("${number(value)}"))` }),
    cases: (value, id) => [allow('within its limit'), deny('a little too fast', `"over_limit_mps": ${off(value, 0.1)}`, id)],
  },
  {
    key: 'two', title: 'Two people clear a stop', meaning: 'Nobody clears a stop alone: a second person has to agree.', action: 'stop.clear', name: 'stop-clear.two-people',
    who: { role: 'safety_officer', authentication: 'token', resource: 'vehicle/v1' },
    rule: () => ({ effect: 'forbid', purpose: 'Two people look before a vehicle may move again.', reason: 'A stop is cleared by two people', advice: 'Ask for a second person.', condition: 'context.second_person' }),
    cases: (_, id) => [`{ "name": "alone", "then": ["${id}"] }`, allow('together', '"second_person": true')],
  },
]

/** What a draft without a template begins with: a text without any rule would say nothing. */
export const BLANK = '// Rules of our own. Each forbids, or limits; its name begins with tenant.\n'

/** Facts under which the rules for everybody and those of each sector allow. */
const USUAL: Record<string, string> = {
  kind: '"delivery"', trip_kind: '"delivery"', distance_m: '1200.0', mode: '"AUTONOMOUS"', online: 'true', battery_pct: '80.0', energy_margin_wh: '9000.0', admission_valid: 'true',
  claim_valid: 'true', allowed_modes: '["AUTONOMOUS"]', speed_limit_mps: '11.1', speed_mps: '8.0', over_limit_mps: '-3.1', payload_max_kg: '500.0', seats: '4',
}
const EMPTY: Record<string, string> = { Bool: 'false', Long: '0', decimal: '0.0', String: '""', 'Set<String>': '[]' }

const sectorName = () => sector.current?.sector ?? session.identity?.sector ?? 'mining'

function usualFact({ name, type }: VocabularyFact, ofSector: string, simulated: string): string {
  if (name === 'vehicle_simulated') return simulated
  return name === 'allowed_sectors' || name === 'sectors' ? `["${ofSector}"]` : (USUAL[name] ?? EMPTY[type] ?? '""')
}

/** What a form about a fact begins with: a value under which things are allowed, as a person types it. */
export function usualValue(fact: VocabularyFact): string {
  const value: unknown = JSON.parse(usualFact(fact, sectorName(), 'true'))
  return typeof value === 'boolean' ? (value ? 'yes' : 'no') : Array.isArray(value) ? value.join(', ') : String(value)
}

/** The cases of an action: what is known at first, and rows that change some of it. */
function casesOf(vocabulary: Vocabulary, action: string, who: NonNullable<Template['who']>, rows: string[]): string {
  const name = sectorName()
  const facts = (vocabulary.actions.find((known) => known.action === action)?.facts ?? []).filter(({ name, required }) => required && name !== 'request')
  const lines = facts.map((fact) => `      "${fact.name}": ${usualFact(fact, name, 'true')}`)
  return `[
  {
    "action": "${action}", "resource": "${who.resource}", "role": "${who.role}", "authentication": "${who.authentication}",
    "sector": "${name}", "simulated": true, "entitlements": ["trips"],
    "facts": {${lines.length > 0 ? `\n${lines.join(',\n')}\n    ` : ''}},
    "cases": [
${rows.map((row) => `      ${row}`).join(',\n')}
    ]
  }
]
`
}

const quoted = (text: string) => text.replace(/[\\"]/g, '\\$&')

/** A rule of a template with its cases; another number keeps its name apart from those that the text has. */
export function fromTemplate({ action, name, rule, cases, who = { role: 'dispatcher', authentication: 'token', resource: 'trip/t1' }, key }: Template, value: string, vocabulary: Vocabulary, { text = '', waivable = false } = {}): { text: string; cases: string } {
  const own = `tenant.${name}`
  const taken = (id: string) => text.includes(`@id("${id}")`)
  let id = own
  for (let n = 2; taken(id); n++) id = `${own}-${n}`
  const { purpose, reason, advice, notes = [], effect, condition } = rule(value)
  const head = [`@id("${id}")`, '@version("1")', `@purpose("${quoted(purpose)}")`, ...(reason ? [`@reason("${quoted(reason)}")`] : []), ...(advice ? [`@advice("${quoted(advice)}")`] : []), ...(waivable ? ['@waivable("true")'] : []), ...notes]
  const body = `${effect} (principal, action == Fleet::Action::"${action}", resource)${condition ? `\n${key === 'two' ? 'unless' : 'when'} { ${condition} }` : ''}${waivable ? `\nunless { context.request.waivers.contains("${id}") }` : ''};`
  return { text: `${[...head, body].join('\n')}\n`, cases: casesOf(vocabulary, action, who, cases(value, id)) }
}

/** Two lists of cases as one; what is no list yet is left to the person. */
export function withCases(cases: string, more: string): string {
  const before = cases.trim()
  if (before === '' || /^\[\s*\]$/.test(before)) return more
  return before.endsWith(']') ? `${before.slice(0, -1).trimEnd()},\n${more.trim().slice(1).trimStart()}\n` : `${before}\n${more}`
}

/** A condition about a fact, to be put into a rule at the cursor. */
export function conditionOf({ name, type, required }: VocabularyFact): string {
  const fact = `context.${name}`
  const said = { Bool: fact, Long: `${fact} > 0`, decimal: `${fact}.greaterThan(decimal("0.0"))`, String: `${fact} == "…"`, 'Set<String>': `${fact}.contains("…")` }[type] ?? fact
  return required ? said : `(context has ${name} && ${said})`
}
