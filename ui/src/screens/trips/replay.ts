// What a vehicle told on a trip, by time.
import type { LatLon, Sample } from '../../api/types'
import type { calls } from '../../api/calls'

/** What one page of samples holds at most. */
const PAGE = 5000
/** A day of driving. */
const PAGES_MAX = 20

export interface Moment extends LatLon {
  /** Milliseconds since 1970, by the vehicle's clock. */
  at: number
  speed: number
  battery: number
  mode: string
}

/** The samples of a vehicle on a trip, the oldest first. */
export async function readTrack(api: ReturnType<typeof calls>, vehicle: string, trip: string, from: string, to: string): Promise<Moment[]> {
  const moments: Moment[] = []
  for (let page = 0, since = from; page < PAGES_MAX; page++) {
    const { items } = await api.samples(vehicle, since, to)
    moments.push(...items.filter((sample) => sample.trip === trip).map(momentOf))
    const last = items.at(-1)
    if (!last || items.length < PAGE || last.at === since) break
    since = last.at
  }
  const byTime = new Map(moments.map((moment) => [moment.at, moment]))
  return [...byTime.values()].sort((a, b) => a.at - b.at)
}

function momentOf({ at, lat, lon, speed_mps, battery_pct, mode }: Sample): Moment {
  return { at: Date.parse(at), lat, lon, speed: speed_mps, battery: battery_pct, mode }
}

/** How it was at a time: between two samples in a straight line. */
export function momentAt(track: Moment[], at: number): Moment | null {
  const after = track.findIndex((moment) => moment.at > at)
  if (after === -1) return track.at(-1) ?? null
  const [a, b] = [track[after - 1], track[after]!]
  if (!a) return b
  const share = (at - a.at) / (b.at - a.at)
  const between = (from: number, to: number) => from + (to - from) * share
  return { ...a, at, lat: between(a.lat, b.lat), lon: between(a.lon, b.lon), speed: between(a.speed, b.speed) }
}
