// Where each vehicle is between two samples. Positions live in one typed array that the map's shader reads: a frame
// costs the same whether ten or two thousand vehicles move, and nothing here makes the list draw again.
import type { Sample } from './contract'

/** Numbers per vehicle: from x, from y, to x, to y, from heading, to heading, began, takes, measured, look, spare × 2. */
export const STRIDE = 12
const X0 = 0, Y0 = 1, X1 = 2, Y1 = 3, H0 = 4, H1 = 5, BEGAN = 6, TAKES = 7, MEASURED = 8, LOOK = 9

/** The time that a vehicle takes to its newest place is that between its last two samples, so that it neither waits nor
    jumps; within these limits, and a little longer, because samples are not punctual. */
const TAKES_S = { least: 0.3, most: 9, first: 1, longer: 1.1 }
/** A jump of more than this, in Mercator units (some 500 m), is no drive: the vehicle appears where it is. */
const JUMP = 500 / 40_075_016
/** Below this the heading of a drive is noise (some 1.5 m). */
const TURN_FROM = 1.5 / 40_075_016

export function mercator(lat: number, lon: number): [number, number] {
  const north = Math.asinh(Math.tan((lat * Math.PI) / 180))
  return [(lon + 180) / 360, 0.5 - north / (2 * Math.PI)]
}

export function unmercator(x: number, y: number): { lat: number; lon: number } {
  return { lon: x * 360 - 180, lat: (Math.atan(Math.sinh((0.5 - y) * 2 * Math.PI)) * 180) / Math.PI }
}

export class Motion {
  /** One row of `STRIDE` numbers per vehicle; places relative to the origin, times in seconds since the epoch. */
  data = new Float32Array(STRIDE * 64)
  count = 0
  /** Counts what changed, so that the map uploads only then. */
  version = 0
  private readonly rows = new Map<string, number>()
  readonly ids: string[] = []
  /** All places are relative to this one: 32-bit floats are exact to a centimetre only near zero. */
  origin: [number, number] | null = null
  /** Times are relative to this one for the same reason. */
  readonly epoch = performance.now()

  take(samples: Sample[]) {
    const now = this.seconds(performance.now())
    for (const sample of samples) this.sample(sample, now)
    if (samples.length > 0) this.version++
  }

  private sample(sample: Sample, now: number) {
    const [mx, my] = mercator(sample.lat, sample.lon)
    this.origin ??= [mx, my]
    const [x, y] = [mx - this.origin[0], my - this.origin[1]]
    const measured = this.seconds(sample.at)
    let row = this.rows.get(sample.vehicle)
    if (row === undefined) {
      row = this.add(sample.vehicle)
      this.data.set([x, y, x, y, sample.heading ?? 0, sample.heading ?? 0, now, TAKES_S.first, measured, 0, 0, 0], row * STRIDE)
      return
    }
    const at = row * STRIDE
    const data = this.data
    const same = data[at + X1] === Math.fround(x) && data[at + Y1] === Math.fround(y)
    const since = measured - data[at + MEASURED]!
    data[at + MEASURED] = Math.max(data[at + MEASURED]!, measured)
    if (same && sample.heading === null) return
    const [fx, fy, heading] = this.shown(row, now)
    const [dx, dy] = [x - fx, y - fy]
    const moved = Math.hypot(dx, dy)
    const jumps = moved > JUMP
    const takes = Math.min(TAKES_S.most, Math.max(TAKES_S.least, since)) * TAKES_S.longer
    const driven = (Math.atan2(dx, -dy) * 180) / Math.PI
    let to = sample.heading ?? (moved > TURN_FROM ? driven : heading)
    // Turn the short way round.
    to = heading + ((((to - heading) % 360) + 540) % 360) - 180
    data.set([jumps ? x : fx, jumps ? y : fy, x, y, jumps ? to : heading, to, now, takes], at)
  }

  private add(vehicle: string): number {
    const row = this.count++
    if (this.count * STRIDE > this.data.length) {
      const larger = new Float32Array(this.data.length * 2)
      larger.set(this.data)
      this.data = larger
    }
    this.rows.set(vehicle, row)
    this.ids[row] = vehicle
    return row
  }

  /** How the vehicle looks: a number of the shader's table. */
  look(vehicle: string, look: number) {
    const row = this.rows.get(vehicle)
    if (row === undefined || this.data[row * STRIDE + LOOK] === look) return
    this.data[row * STRIDE + LOOK] = look
    this.version++
  }

  seconds(at: number): number {
    return (at - this.epoch) / 1000
  }

  /** Where a row is shown now, relative to the origin. */
  private shown(row: number, now: number): [number, number, number] {
    const at = row * STRIDE
    const data = this.data
    const part = Math.min(1, Math.max(0, (now - data[at + BEGAN]!) / data[at + TAKES]!))
    const mix = (from: number, to: number) => data[at + from]! + (data[at + to]! - data[at + from]!) * part
    return [mix(X0, X1), mix(Y0, Y1), mix(H0, H1)]
  }

  has(vehicle: string): boolean {
    return this.rows.has(vehicle)
  }

  /** Where a vehicle is shown now, in Mercator units. */
  place(vehicle: string, now = performance.now()): [number, number] | null {
    const row = this.rows.get(vehicle)
    if (row === undefined || !this.origin) return null
    const [x, y] = this.shown(row, this.seconds(now))
    return [x + this.origin[0], y + this.origin[1]]
  }

  /** Milliseconds since the newest measurement of a vehicle. */
  age(vehicle: string, now = performance.now()): number | null {
    const row = this.rows.get(vehicle)
    return row === undefined ? null : (this.seconds(now) - this.data[row * STRIDE + MEASURED]!) * 1000
  }

  /** Whether anything is under way from one place to another. */
  moving(now = performance.now()): boolean {
    const at = this.seconds(now)
    for (let row = 0; row < this.count; row++) {
      const begin = row * STRIDE
      if (at < this.data[begin + BEGAN]! + this.data[begin + TAKES]!
        && (this.data[begin + X0] !== this.data[begin + X1] || this.data[begin + Y0] !== this.data[begin + Y1])) return true
    }
    return false
  }

  /** The vehicle nearest to a place, within a distance in Mercator units. */
  nearest(mx: number, my: number, within: number): string | null {
    if (!this.origin) return null
    const now = this.seconds(performance.now())
    let best: string | null = null
    let limit = within
    for (let row = 0; row < this.count; row++) {
      const [x, y] = this.shown(row, now)
      const distance = Math.hypot(x + this.origin[0] - mx, y + this.origin[1] - my)
      if (distance < limit) {
        limit = distance
        best = this.ids[row] ?? null
      }
    }
    return best
  }
}
