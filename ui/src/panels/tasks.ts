// Where work on the map begins, whichever way it was asked for: button, key or menu.
import type { Fleet } from '../live/fleet.svelte'
import { drawing } from '../map/drawing.svelte'
import { view } from '../state/view.svelte'

export function begin(fleet: Fleet, what: 'trip' | 'close' | 'zone' | 'closure') {
  if (fleet.sites.length === 0) {
    view.tell('There is no site with a map yet: import one first.')
    return
  }
  drawing.hint = null
  drawing.pointer = null
  if (what === 'trip') view.begins({ kind: 'trip', origin: null, destination: null, next: 'origin' })
  else if (what === 'close') view.begins({ kind: 'close', polygon: [], road: null })
  else view.begins({ kind: 'area', purpose: what, corners: [], done: false })
}

/** The site that work on the map is for. */
export function siteOf(fleet: Fleet): string {
  return (fleet.sites.find(({ site }) => site === view.site) ?? fleet.sites[0])?.site ?? ''
}
