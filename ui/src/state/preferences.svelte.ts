// What a person chose for this browser: how times and distances are written, and whether a request for assistance is heard.
export type Units = 'metric' | 'imperial'

const KEY = 'atlasmesh.preferences'

class Preferences {
  /** An IANA name such as `Asia/Dubai`; empty for the time zone of this computer. */
  timeZone = $state('')
  units = $state<Units>('metric')
  sound = $state(true)
  notifications = $state(false)

  constructor() {
    try {
      const stored = JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Preferences>
      if (typeof stored.timeZone === 'string' && isTimeZone(stored.timeZone)) this.timeZone = stored.timeZone
      if (stored.units === 'imperial') this.units = 'imperial'
      if (stored.sound === false) this.sound = false
      if (stored.notifications === true) this.notifications = true
    } catch {
      // What cannot be read is chosen anew.
    }
  }

  save(changed: Partial<Pick<Preferences, 'timeZone' | 'units' | 'sound' | 'notifications'>>) {
    Object.assign(this, changed)
    const { timeZone, units, sound, notifications } = this
    localStorage.setItem(KEY, JSON.stringify({ timeZone, units, sound, notifications }))
  }
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat(undefined, { timeZone: name || undefined })
    return true
  } catch {
    return false
  }
}

export const preferences = new Preferences()
