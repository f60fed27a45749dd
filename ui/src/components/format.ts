// Formats of durations, times, distances and ids.

/** A duration as `12 s`, `4 min`, `3 h` or `2 d`. */
export function formatDuration(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000))
  if (s < 100) return `${s} s`
  const minutes = Math.round(s / 60)
  if (minutes < 100) return `${minutes} min`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} d`
}

const TIME = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' })
const DATE_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })

export function formatTime(at: string): string {
  return TIME.format(new Date(at))
}

export function formatDateTime(at: string): string {
  return DATE_TIME.format(new Date(at))
}

export function formatDistance(m: number): string {
  return m < 950 ? `${Math.round(m / 10) * 10} m` : `${(m / 1000).toFixed(1)} km`
}

/** The end of an id: ids of one kind differ there, and begin alike. */
export function shortId(id: string): string {
  return id.slice(-6)
}
