// The operations of sectors, features, flags and the subscription, by name, with the shapes of what they answer.
import type { Client } from './client'

export interface Noun { one: string; many: string; article: string }
export interface Verb { base: string; third: string; past: string; gerund: string }
export type NounName = 'trip' | 'vehicle' | 'dispatcher' | 'operator' | 'site' | 'stop' | 'origin' | 'destination' | 'load'
export type VerbName = 'dispatch' | 'complete' | 'cancel' | 'load'
export interface Terms { nouns: Partial<Record<NounName, Noun>>; verbs: Partial<Record<VerbName, Verb>> }
export type Measure = 'speed' | 'distance' | 'mass' | 'temperature' | 'energy'
export type Colours = Record<string, string>
export interface SectorBanner { text: string; background: string; foreground: string }

export interface SectorLook {
  themes: { light?: Colours; dark?: Colours }
  modules: string[]
  map_layers: string[]
  units: Partial<Record<Measure, string>>
  banner?: SectorBanner | null
}

/** A limit, and the rules that set it. */
export interface SectorLimit { limit: string; scope?: string | null; value: unknown; rules: string[]; kept_by: 'policy' | 'routes' | 'nothing' }
export interface SectorParameter {
  id: string; unit: string; value?: number; default: number; min: number; max: number; tighten: string; purpose: string
}
export interface SectorSignal { id: string; unit?: string | null; max_age_ms: number; required: boolean; purpose: string }
export interface SectorClause { clause: string; words: string; rules: string[] }

/** What is in force of the tenant's sector. */
export interface SectorInForce {
  sector: string | null
  title: string
  version: string
  digest: string
  generation: number
  active: boolean
  activated_at?: string | null
  activated_by?: string | null
  can_roll_back: boolean
  terms: Terms
  ui: SectorLook
  logo: string
  features: string[]
  flags: Record<string, unknown>
  limits: SectorLimit[]
  parameters: SectorParameter[]
  signals: SectorSignal[]
  clauses: SectorClause[]
}

export interface UpgradeOption { kind: 'plan' | 'addon'; id: string; title: string; count?: number | null; unlocks: string[] }
/** Why something is not part of the subscription, and what would make it so. */
export interface Denial { reason: string; required: string[]; upgrade_options: UpgradeOption[] }

export interface SectorOffer {
  sector: string
  title: string
  version: string
  digest: string
  active: boolean
  entitled: boolean
  missing: string[]
  upgrade_options: UpgradeOption[]
  requires: string[]
  uses: string[]
}

export type PreviewPart = 'policies' | 'limits' | 'flags' | 'features' | 'words' | 'appearance'
export interface SectorPreview {
  sector: string
  allowed: boolean
  denial?: Denial | null
  parts: { part: PreviewPart; changes: string[] }[]
  trips: { trip: string; loses: string[] }[]
  vehicles_not_admitted: string[]
  /** How many vehicles there are. */
  vehicles: number
}

export type FeatureStep = 'installed' | 'entitled' | 'flag' | 'policy'
export interface Feature {
  feature: string
  title: string
  installed: boolean
  entitled: boolean
  flag: boolean
  policy: boolean
  effective: boolean
  refused_by: FeatureStep | null
  why: string
}

export type FlagClass = 'release' | 'ops-kill' | 'entitlement' | 'experiment'
export interface Flag {
  key: string
  class: FlagClass
  owner: string
  expires?: string | null
  variants: Record<string, unknown>
  /** Of a switch, the side that it can be led to at once. */
  safe?: string | null
  variant: string | null
  value: unknown
  reason: string
  chosen?: { variant: string; by: string; at: string; reason: string } | null
}

export interface SubscribedFeature {
  id: string
  title: string
  kind: 'boolean' | 'static' | 'metered'
  granted: boolean
  limit?: number | 'unlimited' | null
  used?: number | null
  remaining?: number | null
  unit?: string | null
}
export interface Subscription {
  plan: string
  title: string
  add_ons: Record<string, number>
  sectors: string[]
  valid_until?: string | null
  suspended: boolean
  features: SubscribedFeature[]
}

const path = (id: string) => encodeURIComponent(id)
const items = async <T>(response: Promise<{ items: T[] }>) => (await response).items

export const sectorCalls = (client: Client) => ({
  sector: () => client.json<SectorInForce>('GET', '/v1/sector'),
  sectors: () => items(client.json<{ items: SectorOffer[] }>('GET', '/v1/sectors')),
  previewSector: (sector: string) => client.json<SectorPreview>('POST', `/v1/sectors/${path(sector)}/preview`, {}),
  activateSector: (sector: string, reason: string) => client.json<SectorInForce>('POST', `/v1/sectors/${path(sector)}/activate`, { reason }),
  rollBackSector: (reason: string) => client.json<SectorInForce>('POST', '/v1/sector/rollback', { reason }),
  features: () => items(client.json<{ items: Feature[] }>('GET', '/v1/sector/features')),
  subscription: () => client.json<Subscription>('GET', '/v1/subscription'),
  flags: () => items(client.json<{ items: Flag[] }>('GET', '/v1/flags')),
  /** Null as the variant goes back to the sector's own rule. */
  chooseVariant: (flag: string, variant: string | null, reason: string) => client.json<unknown>('PUT', `/v1/flags/${path(flag)}`, { variant, reason }),
})
