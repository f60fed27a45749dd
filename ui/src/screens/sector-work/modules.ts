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

const MODULES: WorkModule[] = []

export const shownModules = (place: WorkModule['place']): WorkModule[] =>
  MODULES.filter((each) => each.place === place && moduleOn(each.module) && (each.needs === null || session.may(each.needs)))
