// Work on the map: two places of a trip, a road to close, the corners of an area; and what an area would touch, told
// before anybody draws it for good.
import type { LatLon } from '../api/types'
import type { Fleet } from '../live/fleet.svelte'
import { unmercator } from '../live/motion'
import { isOpen } from '../live/state'
import { view } from '../state/view.svelte'
import type { MapController } from './controller'
import { boxAcross, contains, crossesItself, distanceM, lengthM, type Line, nearestOn, round, touches } from './geometry'

/** How near to a road a click means it, in pixels. */
const ROAD_REACH_PX = 26
/** Half a road closure: along the road and across it, in metres. */
const HALF = { along: 9, across: 5 }
/** As many corners as the server takes. */
const CORNERS_MAX = 500

/** As many places of a chosen path as the server takes. */
const PLACES_MAX = 8

export interface Preview {
  roads: Line[]
  names: string[]
  metres: number
  vehicles: string[]
  trips: string[]
}

class Drawing {
  controller: MapController | null = null
  pointer = $state.raw<LatLon | null>(null)
  /** What is wrong with the last click. */
  hint = $state<string | null>(null)

  hover(at: LatLon | null) {
    if (view.task?.kind === 'area' && !view.task.done) this.pointer = at
  }

  click(at: LatLon) {
    const task = view.task
    this.hint = null
    const place = { lat: round(at.lat), lon: round(at.lon) }
    if (task?.kind === 'trip') {
      task[task.next] = place
      task.next = task.next === 'origin' ? 'destination' : 'origin'
    } else if (task?.kind === 'path') {
      if (task.places.length >= PLACES_MAX) this.hint = `A path is chosen by at most ${PLACES_MAX} places.`
      else task.places = [...task.places, place]
    } else if (task?.kind === 'close') this.road(place)
    else if (task?.kind === 'area' && !task.done) this.corner(place)
  }

  private road(at: LatLon) {
    const task = view.task
    if (task?.kind !== 'close' || !this.controller) return
    const pixel = this.controller.pixel(at)
    let best: { line: Line; on: NonNullable<ReturnType<typeof nearestOn>> } | null = null
    for (const line of this.controller.lines()) {
      const on = nearestOn(line.points, at)
      if (on && (!best || on.metres < best.on.metres)) best = { line, on }
    }
    const reached = best && this.controller.pixel(best.on.at)
    if (!best || !reached || Math.hypot(reached.x - pixel.x, reached.y - pixel.y) > ROAD_REACH_PX) {
      this.hint = 'No road there: click on the road itself, or zoom in.'
      return
    }
    task.polygon = boxAcross(best.on.from, best.on.until, best.on.at, HALF)
    task.road = best.line.name ?? `a ${best.line.class.replaceAll('_', ' ')} road without a name`
  }

  private corner(at: LatLon) {
    const task = view.task
    if (task?.kind !== 'area' || !this.controller) return
    const first = task.corners[0]
    if (first && task.corners.length > 2) {
      const [a, b] = [this.controller.pixel(first), this.controller.pixel(at)]
      if (Math.hypot(a.x - b.x, a.y - b.y) < 12) return this.finish()
    }
    const last = task.corners.at(-1)
    if (last && distanceM(last, at) < 1) return
    if (task.corners.length >= CORNERS_MAX) this.hint = `An area has at most ${CORNERS_MAX} corners.`
    else task.corners = [...task.corners, at]
  }

  finish() {
    const task = view.task
    if (task?.kind !== 'area' || task.done) return
    if (task.corners.length < 3) this.hint = 'An area needs three corners or more.'
    else if (crossesItself(task.corners)) this.hint = 'The sides cross: take a corner back with Backspace.'
    else {
      task.done = true
      this.pointer = null
    }
  }

  undo() {
    const task = view.task
    if (task?.kind === 'path') task.places = task.places.slice(0, -1)
    if (task?.kind !== 'area') return
    task.corners = task.done ? task.corners : task.corners.slice(0, -1)
    task.done = false
    this.hint = null
  }

  /** What an area touches now, as far as the map shows it. */
  preview(fleet: Fleet, polygon: LatLon[]): Preview {
    // A road that two tiles hold comes twice: the longer piece stands for it.
    const roads = new Map<number, Line>()
    if (polygon.length > 2) {
      for (const line of this.controller?.lines() ?? []) {
        const known = roads.get(line.id)
        if (touches(polygon, line.points) && (!known || lengthM(known.points) < lengthM(line.points))) roads.set(line.id, line)
      }
    }
    const inside = (at: LatLon) => polygon.length > 2 && contains(polygon, at)
    const vehicles = [...fleet.vehicles.keys()].filter((id) => {
      const at = fleet.motion.place(id)
      return at !== null && inside(unmercator(...at))
    })
    const trips = [...fleet.trips.values()].filter((trip) =>
      isOpen(trip) && (trip.stops.some(({ at }) => inside(at)) || (trip.vehicle !== null && vehicles.includes(trip.vehicle))))
    const lines = [...roads.values()]
    return {
      roads: lines,
      names: [...new Set(lines.flatMap(({ name }) => name ?? []))].sort(),
      metres: lines.reduce((sum, { points }) => sum + lengthM(points), 0),
      vehicles,
      trips: trips.map(({ id }) => id),
    }
  }
}

export const drawing = new Drawing()
