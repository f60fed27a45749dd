// Plane geometry at the scale of a city, where the error of a flat earth is negligible.
import type { LatLon } from '../api/types'

/** A piece of a road as a tile holds it. */
export interface RoadSegment {
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
  return points.slice(1).reduce((sum, point, index) => sum + distanceM(points[index]!, point), 0)
}

export function contains(polygon: LatLon[], at: LatLon): boolean {
  let inside = false
  polygon.forEach((a, index) => {
    const b = polygon[(index + 1) % polygon.length]!
    if (a.lat > at.lat !== b.lat > at.lat && at.lon < a.lon + ((at.lat - a.lat) / (b.lat - a.lat)) * (b.lon - a.lon)) inside = !inside
  })
  return inside
}

function orientation(p: LatLon, q: LatLon, r: LatLon): number {
  return (q.lon - p.lon) * (r.lat - p.lat) - (q.lat - p.lat) * (r.lon - p.lon)
}

function segmentsIntersect(a: LatLon, b: LatLon, c: LatLon, d: LatLon): boolean {
  return orientation(a, b, c) * orientation(a, b, d) <= 0 && orientation(c, d, a) * orientation(c, d, b) <= 0
}

/** Whether a line intersects a polygon, by the server's rule: also if it only touches an edge. */
export function intersects(polygon: LatLon[], points: LatLon[]): boolean {
  if (polygon.length < 3) return false
  return points.some((point, index) => {
    if (contains(polygon, point)) return true
    const next = points[index + 1]
    return next !== undefined && polygon.some((corner, at) => segmentsIntersect(point, next, corner, polygon[(at + 1) % polygon.length]!))
  })
}

/** Whether edges of a polygon intersect, so that its inside is ambiguous. */
export function selfIntersects(polygon: LatLon[]): boolean {
  const edges = polygon.map((corner, index) => [corner, polygon[(index + 1) % polygon.length]!] as const)
  return edges.some(([a, b], i) => edges.some(([c, d], j) => {
    const distance = Math.min((i - j + edges.length) % edges.length, (j - i + edges.length) % edges.length)
    return distance > 1 && segmentsIntersect(a, b, c, d)
  }))
}

/** The point of a line nearest to another, the segment that it is on, and its distance. */
export function nearestPointOn(points: LatLon[], to: LatLon): { at: LatLon; start: LatLon; end: LatLon; metres: number } | null {
  const lonScale = Math.cos((to.lat * Math.PI) / 180)
  let nearest: ReturnType<typeof nearestPointOn> = null
  for (let index = 0; index + 1 < points.length; index++) {
    const [start, end] = [points[index]!, points[index + 1]!]
    const [dx, dy] = [(end.lon - start.lon) * lonScale, end.lat - start.lat]
    const lengthSquared = dx * dx + dy * dy
    const along = lengthSquared > 0 ? (((to.lon - start.lon) * lonScale * dx + (to.lat - start.lat) * dy) / lengthSquared) : 0
    const fraction = Math.min(1, Math.max(0, along))
    const at = { lat: start.lat + dy * fraction, lon: start.lon + (end.lon - start.lon) * fraction }
    const metres = distanceM(at, to)
    if (!nearest || metres < nearest.metres) nearest = { at, start, end, metres }
  }
  return nearest
}

/** A small box around a point of a road: away from junctions it intersects that road only. */
export function boxAround(start: LatLon, end: LatLon, at: LatLon, half: { along: number; across: number }): LatLon[] {
  const lonScale = Math.cos((at.lat * Math.PI) / 180)
  const [dx, dy] = [(end.lon - start.lon) * lonScale, end.lat - start.lat]
  const length = Math.hypot(dx, dy) || 1
  const [ux, uy] = [dx / length, dy / length]
  const corner = (along: number, across: number) => ({
    lat: roundDegrees(at.lat + (uy * along + ux * across) / METRES_PER_DEGREE),
    lon: roundDegrees(at.lon + (ux * along - uy * across) / METRES_PER_DEGREE / lonScale),
  })
  const { along, across } = half
  return [corner(-along, -across), corner(-along, across), corner(along, across), corner(along, -across)]
}

/** Rounds to 1e-7 degrees, about a centimetre, which is the server's precision. */
export function roundDegrees(degrees: number): number {
  return Math.round(degrees * 1e7) / 1e7
}
