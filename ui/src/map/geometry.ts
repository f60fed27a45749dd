// Small plane geometry on a city's scale: what a polygon touches, a box around a piece of a road, distances.
import type { LatLon } from '../api/types'

export interface Line {
  id: number
  name: string | null
  class: string
  points: LatLon[]
}

const METRES_PER_DEGREE = 111_195

export function distanceM(a: LatLon, b: LatLon): number {
  const east = (b.lon - a.lon) * METRES_PER_DEGREE * Math.cos((a.lat * Math.PI) / 180)
  return Math.hypot(east, (b.lat - a.lat) * METRES_PER_DEGREE)
}

export function lengthM(points: LatLon[]): number {
  return points.slice(1).reduce((sum, point, place) => sum + distanceM(points[place]!, point), 0)
}

export function contains(polygon: LatLon[], at: LatLon): boolean {
  let inside = false
  polygon.forEach((a, place) => {
    const b = polygon[(place + 1) % polygon.length]!
    if (a.lat > at.lat !== b.lat > at.lat && at.lon < a.lon + ((at.lat - a.lat) / (b.lat - a.lat)) * (b.lon - a.lon)) inside = !inside
  })
  return inside
}

function side(p: LatLon, q: LatLon, r: LatLon): number {
  return (q.lon - p.lon) * (r.lat - p.lat) - (q.lat - p.lat) * (r.lon - p.lon)
}

function cross(a: LatLon, b: LatLon, c: LatLon, d: LatLon): boolean {
  return side(a, b, c) * side(a, b, d) <= 0 && side(c, d, a) * side(c, d, b) <= 0
}

/** Whether a line touches a polygon, as the server counts it. */
export function touches(polygon: LatLon[], points: LatLon[]): boolean {
  if (polygon.length < 3) return false
  return points.some((point, place) => {
    if (contains(polygon, point)) return true
    const next = points[place + 1]
    return next !== undefined && polygon.some((corner, at) => cross(point, next, corner, polygon[(at + 1) % polygon.length]!))
  })
}

/** Whether two sides of a polygon cross: such an area means two things. */
export function crossesItself(polygon: LatLon[]): boolean {
  const sides = polygon.map((corner, place) => [corner, polygon[(place + 1) % polygon.length]!] as const)
  return sides.some(([a, b], i) => sides.some(([c, d], j) => {
    const apart = Math.min((i - j + sides.length) % sides.length, (j - i + sides.length) % sides.length)
    return apart > 1 && cross(a, b, c, d)
  }))
}

/** The point of a line nearest to a place, and the direction of the line there. */
export function nearestOn(points: LatLon[], to: LatLon): { at: LatLon; from: LatLon; until: LatLon; metres: number } | null {
  const shrink = Math.cos((to.lat * Math.PI) / 180)
  let best: ReturnType<typeof nearestOn> = null
  for (let place = 0; place + 1 < points.length; place++) {
    const [from, until] = [points[place]!, points[place + 1]!]
    const [dx, dy] = [(until.lon - from.lon) * shrink, until.lat - from.lat]
    const square = dx * dx + dy * dy
    const along = square > 0 ? (((to.lon - from.lon) * shrink * dx + (to.lat - from.lat) * dy) / square) : 0
    const part = Math.min(1, Math.max(0, along))
    const at = { lat: from.lat + dy * part, lon: from.lon + (until.lon - from.lon) * part }
    const metres = distanceM(at, to)
    if (!best || metres < best.metres) best = { at, from, until, metres }
  }
  return best
}

/** A small box across a road: it touches that road and, away from crossings, no other. */
export function boxAcross(from: LatLon, until: LatLon, at: LatLon, half: { along: number; across: number }): LatLon[] {
  const shrink = Math.cos((at.lat * Math.PI) / 180)
  const [dx, dy] = [(until.lon - from.lon) * shrink, until.lat - from.lat]
  const size = Math.hypot(dx, dy) || 1
  const [ux, uy] = [dx / size, dy / size]
  const corner = (along: number, across: number) => ({
    lat: round(at.lat + (uy * along + ux * across) / METRES_PER_DEGREE),
    lon: round(at.lon + (ux * along - uy * across) / METRES_PER_DEGREE / shrink),
  })
  const { along, across } = half
  return [corner(-along, -across), corner(-along, across), corner(along, across), corner(along, -across)]
}

/** To what the server keeps: a centimetre. */
export function round(degrees: number): number {
  return Math.round(degrees * 1e7) / 1e7
}
