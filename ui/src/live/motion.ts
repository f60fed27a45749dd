// Interpolates each vehicle's position between its samples. All positions are in one typed array that the map's shader
// reads: the cost of a frame does not depend on the number of vehicles, and the lists do not render again.
import type { PositionSample } from './feed'

/** Numbers per vehicle: from x, from y, to x, to y, from heading, to heading, start, duration, measured, state, 2 unused. */
export const STRIDE = 12
const X0 = 0, Y0 = 1, X1 = 2, Y1 = 3, H0 = 4, H1 = 5, START = 6, DURATION = 7, MEASURED = 8, STATE = 9

/** An interpolation takes the time between the last two samples, within `min` and `max` and times `margin`, because
    samples arrive late at times; `initial` is that of a vehicle's first sample. */
const DURATION_S = { min: 0.3, max: 9, initial: 1, margin: 1.1 }
/** Above this distance in Mercator units, some 500 m, a vehicle is not interpolated but shown at its new position. */
const INTERPOLATION_MAX = 500 / 40_075_016
/** Below this distance in Mercator units, some 1.5 m, the direction between two samples is noise. */
const HEADING_DISTANCE_MIN = 1.5 / 40_075_016

export function toMercator(lat: number, lon: number): [number, number] {
  const north = Math.asinh(Math.tan((lat * Math.PI) / 180))
  return [(lon + 180) / 360, 0.5 - north / (2 * Math.PI)]
}

export function fromMercator(x: number, y: number): { lat: number; lon: number } {
  return { lon: x * 360 - 180, lat: (Math.atan(Math.sinh((0.5 - y) * 2 * Math.PI)) * 180) / Math.PI }
}

export class Motion {
  /** One row of `STRIDE` numbers per vehicle: positions relative to `origin`, times in seconds since `epoch`. */
  data = new Float32Array(STRIDE * 64)
  count = 0
  /** Increases with each change, so that the map uploads only then. */
  version = 0
  private readonly rows = new Map<string, number>()
  readonly ids: string[] = []
  /** Positions are relative to the first one: 32-bit floats are exact to a centimetre only near zero. */
  origin: [number, number] | null = null
  /** Times are relative to this one, for the precision of 32-bit floats too. */
  readonly epoch = performance.now()

  addSamples(samples: PositionSample[]) {
    const now = this.seconds(performance.now())
    for (const sample of samples) this.addSample(sample, now)
    if (samples.length > 0) this.version++
  }

  private addSample(sample: PositionSample, now: number) {
    const [mx, my] = toMercator(sample.lat, sample.lon)
    this.origin ??= [mx, my]
    const [x, y] = [mx - this.origin[0], my - this.origin[1]]
    const measured = this.seconds(sample.measuredAt)
    let row = this.rows.get(sample.vehicle)
    if (row === undefined) {
      row = this.addRow(sample.vehicle)
      this.data.set([x, y, x, y, sample.heading ?? 0, sample.heading ?? 0, now, DURATION_S.initial, measured, 0, 0, 0], row * STRIDE)
      return
    }
    const offset = row * STRIDE
    const data = this.data
    const unmoved = data[offset + X1] === Math.fround(x) && data[offset + Y1] === Math.fround(y)
    const interval = measured - data[offset + MEASURED]!
    data[offset + MEASURED] = Math.max(data[offset + MEASURED]!, measured)
    if (unmoved && sample.heading === null) return
    const [fx, fy, heading] = this.interpolated(row, now)
    const [dx, dy] = [x - fx, y - fy]
    const distance = Math.hypot(dx, dy)
    const jumps = distance > INTERPOLATION_MAX
    const duration = Math.min(DURATION_S.max, Math.max(DURATION_S.min, interval)) * DURATION_S.margin
    const direction = (Math.atan2(dx, -dy) * 180) / Math.PI
    let to = sample.heading ?? (distance > HEADING_DISTANCE_MIN ? direction : heading)
    // Headings are interpolated along the shorter arc.
    to = heading + ((((to - heading) % 360) + 540) % 360) - 180
    data.set([jumps ? x : fx, jumps ? y : fy, x, y, jumps ? to : heading, to, now, duration], offset)
  }

  private addRow(vehicle: string): number {
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

  /** Sets the vehicle's state by its index in `VEHICLE_STATES`. */
  setState(vehicle: string, state: number) {
    const row = this.rows.get(vehicle)
    if (row === undefined || this.data[row * STRIDE + STATE] === state) return
    this.data[row * STRIDE + STATE] = state
    this.version++
  }

  seconds(time: number): number {
    return (time - this.epoch) / 1000
  }

  /** Position relative to `origin` and heading of a row at a time. */
  private interpolated(row: number, now: number): [number, number, number] {
    const offset = row * STRIDE
    const data = this.data
    const fraction = Math.min(1, Math.max(0, (now - data[offset + START]!) / data[offset + DURATION]!))
    const mix = (from: number, to: number) => data[offset + from]! + (data[offset + to]! - data[offset + from]!) * fraction
    return [mix(X0, X1), mix(Y0, Y1), mix(H0, H1)]
  }

  has(vehicle: string): boolean {
    return this.rows.has(vehicle)
  }

  /** The interpolated position of a vehicle in Mercator units. */
  position(vehicle: string, now = performance.now()): [number, number] | null {
    const row = this.rows.get(vehicle)
    if (row === undefined || !this.origin) return null
    const [x, y] = this.interpolated(row, this.seconds(now))
    return [x + this.origin[0], y + this.origin[1]]
  }

  /** Milliseconds since the vehicle's newest sample was measured. */
  age(vehicle: string, now = performance.now()): number | null {
    const row = this.rows.get(vehicle)
    return row === undefined ? null : (this.seconds(now) - this.data[row * STRIDE + MEASURED]!) * 1000
  }

  /** Whether any vehicle is being interpolated, so that the map must draw again. */
  isMoving(now = performance.now()): boolean {
    const time = this.seconds(now)
    for (let row = 0; row < this.count; row++) {
      const offset = row * STRIDE
      if (time < this.data[offset + START]! + this.data[offset + DURATION]!
        && (this.data[offset + X0] !== this.data[offset + X1] || this.data[offset + Y0] !== this.data[offset + Y1])) return true
    }
    return false
  }

  /** The vehicle nearest to a point, within a distance; all in Mercator units. */
  nearest(mx: number, my: number, maxDistance: number): string | null {
    if (!this.origin) return null
    const now = this.seconds(performance.now())
    let nearest: string | null = null
    let limit = maxDistance
    for (let row = 0; row < this.count; row++) {
      const [x, y] = this.interpolated(row, now)
      const distance = Math.hypot(x + this.origin[0] - mx, y + this.origin[1] - my)
      if (distance < limit) {
        limit = distance
        nearest = this.ids[row] ?? null
      }
    }
    return nearest
  }
}
