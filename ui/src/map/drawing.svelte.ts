// Input on the map for the current task: the stops of a trip, the waypoints of a path, a road to close, the corners of an
// area; and the preview of what a closure or zone would affect before it is created.
import type { LatLon } from '../api/types'
import type { Fleet } from '../live/fleet.svelte'
import { fromMercator } from '../live/motion'
import { isOpen } from '../live/state'
import { view } from '../state/view.svelte'
import type { MapController } from './controller'
import { boxAround, contains, distanceM, intersects, lengthM, nearestPointOn, type RoadSegment, roundDegrees, selfIntersects } from './geometry'

/** A click within this distance of a road selects it, in pixels. */
const ROAD_TOLERANCE_PX = 26
/** Half the length and half the width of a road closure, in metres. */
const CLOSURE_HALF = { along: 9, across: 5 }
/** The server's limits of an area's corners and of a path's waypoints. */
const CORNERS_MAX = 500
const WAYPOINTS_MAX = 8

export interface ImpactPreview {
  roads: RoadSegment[]
  names: string[]
  metres: number
  vehicles: string[]
  trips: string[]
}

class Drawing {
  controller: MapController | null = null
  pointer = $state.raw<LatLon | null>(null)
  /** Why the last input was not accepted. */
  hint = $state<string | null>(null)

  movePointer(at: LatLon | null) {
    if (view.task?.kind === 'area' && !view.task.done) this.pointer = at
  }

  click(at: LatLon) {
    const task = view.task
    this.hint = null
    const point = { lat: roundDegrees(at.lat), lon: roundDegrees(at.lon) }
    if (task?.kind === 'trip') {
      task[task.next] = point
      task.next = task.next === 'origin' ? 'destination' : 'origin'
    } else if (task?.kind === 'path') {
      if (task.waypoints.length >= WAYPOINTS_MAX) this.hint = `A path is chosen by at most ${WAYPOINTS_MAX} places.`
      else task.waypoints = [...task.waypoints, point]
    } else if (task?.kind === 'point') task.at = point
    else if (task?.kind === 'close') this.selectRoad(point)
    else if (task?.kind === 'area' && !task.done) this.addCorner(point)
  }

  private selectRoad(at: LatLon) {
    const task = view.task
    if (task?.kind !== 'close' || !this.controller) return
    const pixel = this.controller.project(at)
    let best: { segment: RoadSegment; nearest: NonNullable<ReturnType<typeof nearestPointOn>> } | null = null
    for (const segment of this.controller.roadSegments()) {
      const nearest = nearestPointOn(segment.points, at)
      if (nearest && (!best || nearest.metres < best.nearest.metres)) best = { segment, nearest }
    }
    const roadPixel = best && this.controller.project(best.nearest.at)
    if (!best || !roadPixel || Math.hypot(roadPixel.x - pixel.x, roadPixel.y - pixel.y) > ROAD_TOLERANCE_PX) {
      this.hint = 'No road there: click on the road itself, or zoom in.'
      return
    }
    task.polygon = boxAround(best.nearest.start, best.nearest.end, best.nearest.at, CLOSURE_HALF)
    task.road = best.segment.name ?? `a ${best.segment.class.replaceAll('_', ' ')} road without a name`
  }

  private addCorner(at: LatLon) {
    const task = view.task
    if (task?.kind !== 'area' || !this.controller) return
    const first = task.corners[0]
    if (first && task.corners.length > 2) {
      const [a, b] = [this.controller.project(first), this.controller.project(at)]
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
    else if (selfIntersects(task.corners)) this.hint = 'The sides cross: take a corner back with Backspace.'
    else {
      task.done = true
      this.pointer = null
    }
  }

  undo() {
    const task = view.task
    if (task?.kind === 'path') task.waypoints = task.waypoints.slice(0, -1)
    if (task?.kind !== 'area') return
    task.corners = task.done ? task.corners : task.corners.slice(0, -1)
    task.done = false
    this.hint = null
  }

  /** What an area affects now, as far as its roads are loaded in the map. */
  preview(fleet: Fleet, polygon: LatLon[]): ImpactPreview {
    // A road that is in two tiles has a segment of each: the longer one is counted.
    const roads = new Map<number, RoadSegment>()
    if (polygon.length > 2) {
      for (const segment of this.controller?.roadSegments() ?? []) {
        const known = roads.get(segment.id)
        if (intersects(polygon, segment.points) && (!known || lengthM(known.points) < lengthM(segment.points))) roads.set(segment.id, segment)
      }
    }
    const inside = (at: LatLon) => polygon.length > 2 && contains(polygon, at)
    const vehicles = [...fleet.vehicles.keys()].filter((id) => {
      const at = fleet.motion.position(id)
      return at !== null && inside(fromMercator(...at))
    })
    const trips = [...fleet.trips.values()].filter((trip) =>
      isOpen(trip) && (trip.stops.some(({ at }) => inside(at)) || (trip.vehicle !== null && vehicles.includes(trip.vehicle))))
    const segments = [...roads.values()]
    return {
      roads: segments,
      names: [...new Set(segments.flatMap(({ name }) => name ?? []))].sort(),
      metres: segments.reduce((sum, { points }) => sum + lengthM(points), 0),
      vehicles,
      trips: trips.map(({ id }) => id),
    }
  }
}

export const drawing = new Drawing()
