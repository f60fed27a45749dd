// Places of the sector's work on the map, on the layer of their kind. One that is wider than a sign is drawn as a circle.
import type { Place, PlaceKind } from '../../api/sector-work'
import type { LatLon } from '../../api/types'
import type { Fleet } from '../../live/fleet.svelte'
import { Followed } from '../../live/followed.svelte'
import { type LayerShape, drawLayer } from '../../map/layers.svelte'

const LAYERS: Partial<Record<PlaceKind, string>> = { load_face: 'dumps', dump: 'dumps', gate: 'gates', block: 'blocks', pick_up_place: 'pick-up-places' }
const CORNERS = 24
const M_PER_DEGREE = 111_195
const SIGN_M = 25

export function circle({ lat, lon }: LatLon, radius_m: number): LatLon[] {
  const [dLat, dLon] = [radius_m / M_PER_DEGREE, radius_m / (M_PER_DEGREE * Math.cos((lat * Math.PI) / 180))]
  return Array.from({ length: CORNERS }, (_, n) => {
    const turn = (n / CORNERS) * 2 * Math.PI
    return { lat: lat + dLat * Math.cos(turn), lon: lon + dLon * Math.sin(turn) }
  })
}

function shapeOf({ name, at, radius_m, kind }: Place): LayerShape {
  const isArea = radius_m > SIGN_M && kind !== 'pick_up_place' && kind !== 'gate'
  return { kind: isArea ? 'area' : 'place', points: isArea ? circle(at, radius_m) : [at], name, tone: kind === 'pick_up_place' ? 'good' : 'plain' }
}

/** Draws the places of a fleet and keeps them current; answers how to take them away. */
export function drawPlaces(fleet: Fleet): () => void {
  if (!fleet.may('get_v1_places')) return () => {}
  let ends: (() => void)[] = []
  const places = new Followed(fleet, {
    read: async () => {
      const found = await fleet.api.places()
      for (const end of ends) end()
      ends = [...new Set(Object.values(LAYERS))].map((layer) => drawLayer(layer, found.filter(({ kind }) => LAYERS[kind] === layer).map(shapeOf)))
      return found
    },
    streams: ['place'],
  })
  const end = places.follow()
  return () => { end(); for (const remove of ends) remove(); ends = [] }
}
