// Formats of durations, times, distances and ids, as the person chose them.
import { preferences } from '../state/preferences.svelte'
import { sector } from '../state/sector.svelte'
import { toUnit } from '../state/units'

/** A duration as `12 s`, `4 min`, `3 h` or `2 d`. */
export function formatDuration(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000))
  if (s < 100) return `${s} s`
  const minutes = Math.round(s / 60)
  if (minutes < 100) return `${minutes} min`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} d`
}

/** A waiting time as `0:42` or `1:03:20`. */
export function formatWait(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000))
  const two = (n: number) => String(n).padStart(2, '0')
  return s < 3600 ? `${Math.floor(s / 60)}:${two(s % 60)}` : `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`
}

const formats = new Map<string, Intl.DateTimeFormat>()

/** A format in the time zone that the person chose; without one it is that of this computer. */
function dateFormat(name: string, options: Intl.DateTimeFormatOptions, locale?: string): Intl.DateTimeFormat {
  const { timeZone } = preferences
  const key = `${name}|${timeZone}`
  let format = formats.get(key)
  if (!format) formats.set(key, (format = new Intl.DateTimeFormat(locale, { hourCycle: 'h23', ...options, ...(timeZone ? { timeZone } : {}) })))
  return format
}

/** The time of day, where the day and the time zone are beside it. */
export function formatTime(at: string): string {
  return dateFormat('time', { hour: '2-digit', minute: '2-digit', second: '2-digit' }).format(new Date(at))
}

export function formatDate(at: string): string {
  return dateFormat('date', { dateStyle: 'medium' }).format(new Date(at))
}

/** A moment with its time zone: it says the same wherever it is read. */
export function formatDateTime(at: string): string {
  return dateFormat('date-time', { dateStyle: 'medium', timeStyle: 'long' }).format(new Date(at))
}

/** A moment in a table, which names the time zone below. */
export function formatCellTime(at: string, to: 'second' | 'minute' = 'second'): string {
  return dateFormat(to, { dateStyle: 'medium', timeStyle: to === 'second' ? 'medium' : 'short' }).format(new Date(at))
}

/** A planned moment, to the minute, with its time zone. */
export function formatMinute(at: string): string {
  return `${formatCellTime(at, 'minute')} ${zoneName(at)}`
}

/** The time zone of a moment as people write it: `UTC`, `GMT-3`. */
export function zoneName(at: string | number = Date.now()): string {
  return dateFormat('zone', { timeZoneName: 'short' }, 'en').formatToParts(new Date(at)).find(({ type }) => type === 'timeZoneName')?.value ?? ''
}

export const isToday = (at: string): boolean => formatDate(at) === formatDate(new Date().toISOString())

/** What the clock of the chosen time zone shows, as if it were UTC. */
function wallClock(at: number): number {
  const parts = dateFormat('wall', { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit' }, 'en').formatToParts(at)
  const of = (type: string) => Number(parts.find((part) => part.type === type)?.value)
  return Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second'))
}

/** A moment as a field of the browser has it, in the chosen time zone. */
export function localOf(at: number): string {
  return Number.isNaN(at) ? '' : new Date(wallClock(at)).toISOString().slice(0, 16)
}

/** The same the other way. */
export function isoOf(local: unknown): string | null {
  if (!local) return null
  const wall = Date.parse(`${String(local)}Z`)
  const offsetAt = (at: number) => wallClock(at) - Math.floor(at / 1000) * 1000
  // The offset at the moment itself is found by that of a moment hours from it.
  return new Date(wall - offsetAt(wall - offsetAt(wall))).toISOString()
}

const METRES_PER_FOOT = 0.3048

/** A short way is in metres or feet, where the sector writes long ones in kilometres or miles. */
export function formatDistance(m: number): string {
  const unit = sector.unit('distance')
  if (unit === 'mi' && toUnit(m, unit) < 0.1) return `${Math.round(m / METRES_PER_FOOT / 10) * 10} ft`
  if (unit === 'm' || (unit === 'km' && m < 950)) return `${Math.round(m / 10) * 10} m`
  return `${toUnit(m, unit).toFixed(1)} ${unit}`
}

export const formatSpeed = (mps: number): string => sector.format('speed', mps)
export const formatMass = (kg: number): string => sector.format('mass', kg)
export const formatTemperature = (celsius: number): string => sector.format('temperature', celsius)
export const formatEnergy = (wh: number): string => sector.format('energy', wh)
/** A mass without its unit, where that is in the heading of a column. */
export const massNumber = (kg: number): string => formatMass(kg).replace(/ \S+$/, '')

export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let n = 0
  while (bytes >= 1000 && n < units.length - 1) { bytes /= 1000; n++ }
  return `${bytes < 10 && n > 0 ? bytes.toFixed(1) : Math.round(bytes)} ${units[n]}`
}

/** The end of an id: ids of one kind differ there, and begin alike. */
export function shortId(id: string): string {
  return id.slice(-6)
}
