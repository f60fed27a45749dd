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

function dateFormat(name: 'time' | 'date-time', options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const { timeZone } = preferences
  const key = `${name}|${timeZone}`
  let format = formats.get(key)
  if (!format) formats.set(key, (format = new Intl.DateTimeFormat(undefined, timeZone ? { ...options, timeZone } : options)))
  return format
}

export function formatTime(at: string): string {
  return dateFormat('time', { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' }).format(new Date(at))
}

export function formatDateTime(at: string): string {
  return dateFormat('date-time', { dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23' }).format(new Date(at))
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
