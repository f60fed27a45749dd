// Quantities in the units of a sector: what one unit is in the API's own units, which are metres per second, metres,
// kilograms, degrees Celsius and watt-hours.
import type { Measure } from '../api/sector'

interface Scale {
  /** How much of the API's unit is one of these. */
  each: number
  offset?: number
  digits: number
}

const SCALES: Record<string, Scale> = {
  'km/h': { each: 1 / 3.6, digits: 0 }, mph: { each: 0.44704, digits: 0 }, 'm/s': { each: 1, digits: 1 }, kn: { each: 0.514444, digits: 0 },
  km: { each: 1000, digits: 1 }, mi: { each: 1609.344, digits: 1 }, m: { each: 1, digits: 0 }, nmi: { each: 1852, digits: 1 },
  t: { each: 1000, digits: 1 }, kg: { each: 1, digits: 0 }, st: { each: 907.18474, digits: 1 }, lb: { each: 0.45359237, digits: 0 },
  '°C': { each: 1, digits: 0 }, '°F': { each: 5 / 9, offset: 32, digits: 0 },
  kWh: { each: 1000, digits: 1 },
}

/** What the page shows where no sector says otherwise. */
export const PLAIN_UNITS: Record<Measure, string> = { speed: 'km/h', distance: 'km', mass: 'kg', temperature: '°C', energy: 'kWh' }
export const IMPERIAL: Partial<Record<Measure, string>> = { speed: 'mph', distance: 'mi' }

/** A value of the API in a unit of the page. */
export function toUnit(value: number, unit: string): number {
  const scale = SCALES[unit]
  return scale ? value / scale.each + (scale.offset ?? 0) : value
}

/** What a person typed in a unit of the page, in that of the API. */
export function fromUnit(value: number, unit: string): number {
  const scale = SCALES[unit]
  return scale ? (value - (scale.offset ?? 0)) * scale.each : value
}

/** A value of the API as text: `32 km/h`, `1.4 t`. */
export function formatIn(value: number, unit: string): string {
  const number = toUnit(value, unit)
  const digits = Math.abs(number) >= 100 ? 0 : (SCALES[unit]?.digits ?? 0)
  return `${number.toLocaleString(undefined, { minimumFractionDigits: 0, maximumFractionDigits: digits })} ${unit}`
}
