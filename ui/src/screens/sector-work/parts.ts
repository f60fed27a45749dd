// The parts of the sector's own work, by the modules that the sector in force names.
import type { Operation } from '../../api/accounts'
import { moduleOn, sector } from '../../state/sector.svelte'
import { session } from '../../state/session.svelte'

export type PartName = 'blasts' | 'jobs' | 'areas' | 'emission' | 'clearances' | 'places'
interface Part { name: PartName; label: string; needs: Operation; modules: string[] }

/** Places are of every sector; the first part that is on is the one that the screen begins with. */
const PARTS: Part[] = [
  { name: 'blasts', label: 'Blast clock', needs: 'get_v1_blasts', modules: ['blast-clock'] },
  { name: 'jobs', label: 'Yard jobs', needs: 'get_v1_jobs', modules: ['gate-queue', 'yard-blocks', 'dangerous-goods'] },
  { name: 'areas', label: 'Service areas and hours', needs: 'get_v1_service-areas', modules: ['pick-up-places', 'wheelchair-board'] },
  { name: 'emission', label: 'Emission', needs: 'get_v1_emission', modules: ['emission-banner'] },
  { name: 'clearances', label: 'Clearances', needs: 'get_v1_clearances', modules: ['emission-banner', 'mission-overlay'] },
  { name: 'places', label: 'Places', needs: 'get_v1_places', modules: [] },
]
const SCREEN: Partial<Record<PartName, string>> = { blasts: 'Blast clock', jobs: 'Yard', areas: 'Service', emission: 'EMCON', clearances: 'EMCON', places: 'Places' }

export const workParts = (): Part[] =>
  sector.active === null ? [] : PARTS.filter(({ needs, modules }) => session.may(needs) && (modules.length === 0 || modules.some(moduleOn)))
export const workLabel = (): string => SCREEN[workParts()[0]?.name ?? 'places'] ?? 'Work'
