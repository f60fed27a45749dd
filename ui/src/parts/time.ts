// Times and lengths as people say them.

/** `12 s`, `4 min`, `3 h`, `2 d`. */
export function span(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000))
  if (s < 100) return `${s} s`
  const minutes = Math.round(s / 60)
  if (minutes < 100) return `${minutes} min`
  const hours = Math.round(minutes / 60)
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} d`
}

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' })
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' })

/** The time of day. */
export function clock(at: string): string {
  return CLOCK.format(new Date(at))
}

/** Day and time. */
export function moment(at: string): string {
  return DAY.format(new Date(at))
}

export function metres(m: number): string {
  return m < 950 ? `${Math.round(m / 10) * 10} m` : `${(m / 1000).toFixed(1)} km`
}

/** The end of an id, which is what differs. */
export function short(id: string): string {
  return id.slice(-6)
}
