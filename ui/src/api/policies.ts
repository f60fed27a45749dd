// The life of a policy: the rules in force, drafts of an organisation's own rules, waivers, and decisions to try.
import { type Client, JsonText } from './client'
import type { Approval } from './accounts'

/** Newer than the OpenAPI document that this page was built from. */
export type PolicyOperation =
  | 'get_v1_policies' | 'get_v1_policies_vocabulary' | 'post_v1_policies_check' | 'post_v1_policies_explain' | 'post_v1_policies_rollback'
  | 'get_v1_policy-drafts' | 'post_v1_policy-drafts' | 'put_v1_policy-drafts_draft' | 'post_v1_policy-drafts_draft_test' | 'post_v1_policy-drafts_draft_replay'
  | 'post_v1_policy-drafts_draft_shadow' | 'post_v1_policy-drafts_draft_activate' | 'post_v1_policy-drafts_draft_withdraw'
  | 'get_v1_waivers' | 'post_v1_waivers' | 'post_v1_waivers_waiver_end'

export type Effect = 'forbid' | 'permit' | 'limit'

export interface PolicyRule {
  id: string
  /** `base`, `sector:mining` or `tenant:<tenant>`. */
  layer: string
  effect: Effect
  version: string | number
  purpose: string
  reason?: string | null
  advice?: string | null
  /** Whether it can be lifted for a time. */
  waivable?: boolean
  actions: string[]
  file: string
  line: number
  /** The rule as it is written. */
  text?: string | null
}

export interface Generation {
  generation: number
  digest: string
  activated_at: string
  activated_by: string
  approved_by?: string | null
  reason: string
  draft: string | null
  name: string | null
}

export interface Policies {
  bundle: string
  own: { generation: number; digest: string; activated_at: string; activated_by: string; draft: string | null } | null
  rules: PolicyRule[]
  generations: Generation[]
}

export interface VocabularyFact { name: string; type: string; required: boolean; max_age_ms?: number | null }
export interface VocabularyAction { action: string; resources: string[]; facts: VocabularyFact[] }
export interface Vocabulary { actions: VocabularyAction[]; annotations: { name: string; meaning: string }[]; roles: string[] }

export interface Fault { line?: number | null; policy?: string | null; problem: string }
export interface PolicyCheck {
  ok: boolean
  faults: Fault[]
  rules: { id: string; effect: Effect; actions: string[] }[]
  warnings: { policy?: string | null; problem: string }[]
}

export interface PolicyReason { policy_id: string; layer: string; text: string; advice?: string | null }
export interface Explained {
  verdict: 'allow' | 'deny'
  reasons: PolicyReason[]
  constraints?: Record<string, unknown> | null
  /** Other values of facts under which it would be allowed. */
  alternatives?: { changes: { fact: string; from: unknown; to: unknown }[] }[] | null
}
export type FactInput = boolean | string | number | string[] | DecimalInput
/** A number that keeps its decimal point: the server takes whole numbers for another type. */
export interface DecimalInput { decimal: string }

export interface ReplayCounts {
  evaluated: number
  unchanged: number
  allow_to_deny: number
  deny_to_allow: number
  tighter: number
  looser: number
  not_replayable: number
}
export type ReplayChange = 'allow_to_deny' | 'deny_to_allow' | 'tighter' | 'looser'
export interface ReplayRow { decision: string; at: string; action: string; resource: string; change: ReplayChange; before: unknown[]; after: unknown[]; text: string }
export interface PolicyReplay extends ReplayCounts { rows: ReplayRow[] }

export interface CaseResult { name: string; expected: unknown; found: unknown; passed: boolean }
export interface PolicyTest { passed: number; failed: number; cases: CaseResult[]; untested: string[] }

export type DraftState = 'draft' | 'shadow' | 'active' | 'withdrawn'
export interface PolicyDraft {
  id: string
  name: string
  text: string
  cases: string
  revision: number
  digest: string
  state: DraftState
  created_by: string
  created_at: string
  changed_at: string
  reason?: string | null
  tested: { passed: number; failed: number; at: string; digest: string } | null
  replayed: (ReplayCounts & { at: string; digest: string }) | null
  shadow: { since: string; decisions: number; would_deny: number; would_allow: number; would_tighten: number; behind: number } | null
  /** The generation as which it was put in force. */
  generation?: number | null
}

export interface Waiver {
  id: string
  rule: string
  reason: string
  granted_by: string
  approved_by?: string | null
  until: string
  state: 'active' | 'ended' | 'expired'
}

interface Items<T> { items: T[] }
const path = (id: string) => encodeURIComponent(id)

/** A value as JSON in which a decimal stays one: `10.0` and not `10`. */
function factText(value: FactInput): string {
  return typeof value === 'object' && !Array.isArray(value) ? value.decimal : JSON.stringify(value)
}

function explainText({ facts, ...rest }: ExplainRequest): JsonText {
  const members = Object.entries(facts).map(([name, value]) => `${JSON.stringify(name)}:${factText(value)}`)
  return new JsonText(`${JSON.stringify(rest).slice(0, -1)},"facts":{${members.join(',')}}}`)
}

export interface ExplainRequest { action: string; resource: string; role?: string; facts: Record<string, FactInput>; draft?: string }

export const policyCalls = (client: Client) => ({
  policies: () => client.json<Policies>('GET', '/v1/policies'),
  policyVocabulary: () => client.json<Vocabulary>('GET', '/v1/policies/vocabulary'),
  checkPolicy: (text: string, cases?: string) => client.json<PolicyCheck>('POST', '/v1/policies/check', { text, ...(cases === undefined ? {} : { cases }) }),
  explainPolicy: (request: ExplainRequest) => client.json<Explained>('POST', '/v1/policies/explain', explainText(request)),
  rollBackPolicies: (generation: number, reason: string) => client.json<Approval>('POST', '/v1/policies/rollback', { generation, reason }),
  policyDrafts: async () => (await client.json<Items<PolicyDraft>>('GET', '/v1/policy-drafts')).items,
  policyDraft: (draft: string) => client.json<PolicyDraft>('GET', `/v1/policy-drafts/${path(draft)}`),
  beginPolicyDraft: (draft: { name: string; text: string; cases: string; reason: string }) => client.json<PolicyDraft>('POST', '/v1/policy-drafts', draft),
  changePolicyDraft: (draft: string, text: string, cases: string) => client.json<PolicyDraft>('PUT', `/v1/policy-drafts/${path(draft)}`, { text, cases }),
  testPolicyDraft: (draft: string) => client.json<PolicyTest>('POST', `/v1/policy-drafts/${path(draft)}/test`),
  replayPolicyDraft: (draft: string, limit?: number) => client.json<PolicyReplay>('POST', `/v1/policy-drafts/${path(draft)}/replay`, limit === undefined ? {} : { limit }),
  shadowPolicyDraft: (draft: string, on: boolean, reason: string) => client.json<PolicyDraft>('POST', `/v1/policy-drafts/${path(draft)}/shadow`, { on, reason }),
  activatePolicyDraft: (draft: string, reason: string) => client.json<Approval>('POST', `/v1/policy-drafts/${path(draft)}/activate`, { reason }),
  withdrawPolicyDraft: (draft: string, reason: string) => client.json<PolicyDraft>('POST', `/v1/policy-drafts/${path(draft)}/withdraw`, { reason }),
  waivers: async () => (await client.json<Items<Waiver>>('GET', '/v1/waivers')).items,
  grantWaiver: (rule: string, until: string, reason: string) => client.json<Approval>('POST', '/v1/waivers', { rule, until, reason }),
  endWaiver: (waiver: string, reason: string) => client.json<Waiver>('POST', `/v1/waivers/${path(waiver)}/end`, { reason }),
})
