// What parts of the page draw on the map by the name of a layer, such as `blast-zones`. A layer is seen where the sector in
// force shows it, whoever draws it.
import { SvelteMap } from 'svelte/reactivity'
import type { LatLon } from '../api/types'
import { layerOn } from '../state/sector.svelte'

export type LayerTone = 'critical' | 'serious' | 'good' | 'plain'

export interface LayerShape {
  kind: 'area' | 'line' | 'place'
  points: LatLon[]
  name: string
  tone: LayerTone
}

const drawn = new SvelteMap<string, LayerShape[]>()

/** Draws a layer anew; answers how to take it away. */
export function drawLayer(name: string, shapes: LayerShape[]): () => void {
  drawn.set(name, shapes)
  return () => { if (drawn.get(name) === shapes) drawn.delete(name) }
}

/** All shapes of the layers that are on. */
export function shownShapes(): LayerShape[] {
  return [...drawn].flatMap(([name, shapes]) => (layerOn(name) ? shapes : []))
}
