// Starts tasks on the map, for buttons and keyboard shortcuts alike.
import type { Fleet } from '../live/fleet.svelte'
import { drawing } from '../map/drawing.svelte'
import { say } from '../state/sector.svelte'
import { session } from '../state/session.svelte'
import { view } from '../state/view.svelte'

/** Whether another person or program ordered the stop: then a second person decides about its end. */
export const isOfAnother = ({ owner }: { owner?: string | null }) => Boolean(owner) && owner !== session.identity?.principal

export function startTask(fleet: Fleet, kind: 'trip' | 'close' | 'zone' | 'closure' | 'speed') {
  if (fleet.sites.length === 0) {
    view.notify(say('There is no {site.one} with a map yet: import one first.'))
    return
  }
  drawing.hint = null
  drawing.pointer = null
  if (kind === 'trip') view.startTask({ kind: 'trip', origin: null, destination: null, next: 'origin' })
  else if (kind === 'close') view.startTask({ kind: 'close', polygon: [], road: null })
  else view.startTask({ kind: 'area', purpose: kind, corners: [], done: false })
}

/** The id of the selected site, by default of the first; empty if there is none. */
export function siteIdOf(fleet: Fleet): string {
  return (fleet.sites.find(({ site }) => site === view.site) ?? fleet.sites[0])?.site ?? ''
}
