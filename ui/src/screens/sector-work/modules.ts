// The parts of the Operations screen that only some sectors have. Each is shown where the sector in force names its module
// and this person may do what it needs, and is loaded then.
import type { Component } from 'svelte'
import type { Operation } from '../../api/accounts'
import type { Fleet } from '../../live/fleet.svelte'
import { session } from '../../state/session.svelte'
import { moduleOn } from '../../state/sector.svelte'

export interface WorkModuleProps {
  fleet: Fleet
}

export interface WorkModule {
  /** As `ui.modules` of the sector names it. */
  module: string
  /** Its heading, where `{trip.many}` is the sector's word. */
  title: string
  /** A panel among others, or a bar over the whole map. */
  place: 'panel' | 'bar'
  needs: Operation | null
  load: () => Promise<{ default: Component<WorkModuleProps> }>
}

const MODULES: WorkModule[] = [
  { module: 'blast-clock', title: 'Blast clock', place: 'panel', needs: 'get_v1_blasts', load: () => import('./BlastPanel.svelte') },
  { module: 'gate-queue', title: 'Waits at the gate', place: 'panel', needs: 'get_v1_jobs', load: () => import('./YardPanel.svelte') },
  { module: 'pick-up-places', title: 'Service areas', place: 'panel', needs: 'get_v1_service-areas', load: () => import('./ServicePanel.svelte') },
  { module: 'emission-banner', title: 'Emission', place: 'bar', needs: 'get_v1_emission', load: () => import('./EmissionBar.svelte') },
]

export const shownModules = (place: WorkModule['place']): WorkModule[] =>
  MODULES.filter((each) => each.place === place && moduleOn(each.module) && (each.needs === null || session.may(each.needs)))
