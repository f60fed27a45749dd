// What the catalogue shows the components with.
import { Problem, Unreachable } from '../api/client'
import type { Decision } from '../api/types'
import type { Column } from '../components/data-table.svelte'

const AT = '2026-05-12T09:30:00Z'

export interface Vehicle { id: string; name: string; state: string; battery: number; seen: string }
export const VEHICLES: Vehicle[] = Array.from({ length: 40 }, (_, n) => ({
  id: `taxi-${n + 1}`, name: `taxi-${String(n + 1).padStart(2, '0')}`, state: ['Ready', 'Carrying', 'Held'][n % 3]!, battery: 90 - n, seen: AT,
}))
export const COLUMNS: Column<Vehicle>[] = [
  { key: 'name', label: 'Vehicle', value: ({ name }) => name, narrow: true },
  { key: 'state', label: 'State', value: ({ state }) => state, choices: true, narrow: true },
  { key: 'battery', label: 'Battery', value: ({ battery }) => battery, text: ({ battery }) => `${battery} %`, align: 'end' },
  { key: 'seen', label: 'Last seen', value: ({ seen }) => seen, time: 'second', width: '190px' },
]

export const DENIAL = {
  id: 'dec_1', action: 'trip.request', verdict: 'deny', resource: 'site/coquimbo', tenant: 'coquimbo-city', decided_at: AT, about: [],
  reasons: [{ policy_id: 'base.trip.closed-stop', layer: 'base', version: '3', text: 'The destination lies in a closed area.', advice: 'Choose a stop outside of it.' }],
  bundle: '4f2a90c1d7', equality_digest: '9be1d03c55', constraints: {}, constraint_sources: [], facts: [{ name: 'closed_at_stops', value: ['works'], age_ms: 1_200 }],
} as unknown as Decision

export const problem = (more: object) => new Problem({ title: 'Not allowed', status: 403, code: 'policy_denied', detail: 'A rule forbids it.', ...more } as ConstructorParameters<typeof Problem>[0])
export const ERRORS: [string, unknown][] = [
  ['A rule forbids it', problem({ decision: DENIAL })],
  ['Fields are wrong', problem({ title: 'Not valid', status: 422, code: 'invalid', detail: 'One field is wrong.', errors: [{ field: '/name', message: 'is in use' }] })],
  ['The subscription lacks it', problem({ title: 'Not in the plan', code: 'not_entitled', detail: 'The plan has no blast clock.', entitlement: { reason: 'not_included', required: ['blast.coordination'], upgrade_options: [{ kind: 'plan', id: 'mine', title: 'Mine', unlocks: ['blast.coordination'] }] } })],
  ['No answer', new Unreachable('The server cannot be reached')],
]

export const HOURS = Array.from({ length: 24 }, (_, n) => n)
export const LOAD = HOURS.map((n) => (n === 7 ? null : Math.round(40 + 30 * Math.sin(n / 4))))
