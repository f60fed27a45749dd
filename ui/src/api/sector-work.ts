// The sectors' own work: places, blasts, jobs of a yard, service areas, emission states and clearances.
import type { Approval } from './accounts'
import type { Client } from './client'
import type { LatLon } from './types'

/** Newer than the OpenAPI document that this page was built from. */
export type WorkOperation =
  | 'get_v1_places' | 'post_v1_places' | 'delete_v1_places_place'
  | 'get_v1_blasts' | 'post_v1_blasts' | `post_v1_blasts_blast_${BlastStep}`
  | 'get_v1_jobs' | 'post_v1_jobs' | 'post_v1_jobs_job_release' | 'post_v1_jobs_job_cancel'
  | 'get_v1_service-areas' | 'post_v1_service-areas' | 'delete_v1_service-areas_area'
  | 'get_v1_emission' | 'put_v1_sites_site_emission' | 'get_v1_clearances' | 'put_v1_clearances_kind_id'

export type PlaceKind = 'load_face' | 'dump' | 'gate' | 'block' | 'pick_up_place' | 'waypoint'
export interface PlaceRequest {
  site: string
  name: string
  kind: PlaceKind
  at: LatLon
  radius_m: number
  loader?: { bucket_kg: number; passes_max: number } | null
  wheelchair?: boolean
  hazards_refused?: string[]
}
export interface Place extends PlaceRequest { id: string }

/** Who took a step of a longer piece of work, when, and why. */
export interface WorkStep { step: string; by: string; at: string; note: string }

export type BlastState = 'PLANNED' | 'CLEARING' | 'GUARDED' | 'FIRED' | 'MISFIRE' | 'EXAMINED' | 'RELEASED' | 'CALLED_OFF'
export type BlastStep = 'clear' | 'guard' | 'fire' | 'examine' | 'release' | 'call-off'
export interface Blast {
  id: string
  site: string
  name: string
  area: LatLon[]
  fire_at: string
  state: BlastState
  posts: string[]
  restriction?: string | null
  overdue?: boolean
  /** After a misfire, from when on it may be examined again. */
  examine_from?: string | null
  steps: WorkStep[]
  next: BlastStep[]
  waits_for?: string | null
}

export type JobState = 'WAITING' | 'RELEASED' | 'UNDER_WAY' | 'DONE' | 'CANCELLED'
export interface JobRequest { site: string; container: string; from: string; to: string; hazards: string[]; mass_kg: number }
export interface Job extends JobRequest { id: string; state: JobState; seal?: string | null; trip?: string | null; conflicts: string[]; steps?: WorkStep[] }

export const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
export type Day = (typeof DAYS)[number]
export interface Hours { days: Day[]; from: string; to: string }
export interface ServiceAreaRequest { site: string; name: string; area: LatLon[]; hours: Hours[]; utc_offset_min: number; wheelchair: boolean }
export interface ServiceArea extends ServiceAreaRequest { id: string; open_now: boolean }

export const EMISSIONS = ['unrestricted', 'reduced', 'restricted', 'silent'] as const
export type EmissionState = (typeof EMISSIONS)[number]
export interface Emission { site: string; state: EmissionState; by?: string | null; approved_by?: string | null; reason?: string | null; since?: string | null }

export const LEVELS = ['unclassified', 'restricted', 'confidential', 'secret'] as const
export type ClearanceLevel = (typeof LEVELS)[number]
export interface Clearance {
  kind: 'principal' | 'vehicle'
  id: string
  level: ClearanceLevel
  until: string
  in_force?: boolean
  granted_by: string
  granted_at?: string
  reason: string
}

interface Items<T> { items: T[]; next?: string | null }
const path = (id: string) => encodeURIComponent(id)
/** The most pages of a list that are read: beyond them is history. */
const PAGES_MAX = 5

async function pages<T>(client: Client, address: string): Promise<T[]> {
  const found: T[] = []
  let after = ''
  for (let read = 0; read < PAGES_MAX; read++) {
    const { items, next } = await client.json<Items<T>>('GET', `${address}?limit=200${after && `&after=${path(after)}`}`)
    found.push(...items)
    if (!next) break
    after = String(next)
  }
  return found
}

export const workCalls = (client: Client) => ({
  places: () => pages<Place>(client, '/v1/places'),
  namePlace: (place: PlaceRequest) => client.json<Place>('POST', '/v1/places', place),
  removePlace: (place: string) => client.json<unknown>('DELETE', `/v1/places/${path(place)}`),
  blasts: () => pages<Blast>(client, '/v1/blasts'),
  blast: (blast: string) => client.json<Blast>('GET', `/v1/blasts/${path(blast)}`),
  planBlast: (blast: { site: string; name: string; area: LatLon[]; fire_at: string }) => client.json<Blast>('POST', '/v1/blasts', blast),
  stepBlast: (blast: string, step: BlastStep, said: { reason: string; posts?: string[]; safe?: boolean }) => client.json<Blast>('POST', `/v1/blasts/${path(blast)}/${step}`, said),
  jobs: () => pages<Job>(client, '/v1/jobs'),
  askJob: (job: JobRequest) => client.json<Job>('POST', '/v1/jobs', job),
  releaseJob: (job: string, seal: string, reason: string) => client.json<Job>('POST', `/v1/jobs/${path(job)}/release`, { seal, reason }),
  cancelJob: (job: string, reason: string) => client.json<Job>('POST', `/v1/jobs/${path(job)}/cancel`, { reason }),
  serviceAreas: () => pages<ServiceArea>(client, '/v1/service-areas'),
  drawServiceArea: (area: ServiceAreaRequest) => client.json<ServiceArea>('POST', '/v1/service-areas', area),
  removeServiceArea: (area: string) => client.json<unknown>('DELETE', `/v1/service-areas/${path(area)}`),
  emissions: async () => (await client.json<Items<Emission>>('GET', '/v1/emission')).items,
  /** Looser is asked for: then the answer is the approval that a second person decides. */
  setEmission: (site: string, state: EmissionState, reason: string) => client.json<Emission | Approval>('PUT', `/v1/sites/${path(site)}/emission`, { state, reason }),
  clearances: () => pages<Clearance>(client, '/v1/clearances'),
  grantClearance: (kind: Clearance['kind'], id: string, said: { level: ClearanceLevel; until: string; reason: string }) =>
    client.json<Clearance>('PUT', `/v1/clearances/${kind}/${path(id)}`, said),
})
