// Calls attention to a new request for assistance, and to a new security emergency, on every screen: a sound, and a
// notification of the browser where it was asked for.
import { untrack } from 'svelte'
import { isUnanswered } from '../live/alerts'
import type { Fleet } from '../live/fleet.svelte'
import { preferences } from '../state/preferences.svelte'
import { router } from '../state/router.svelte'
import { say } from '../state/sector.svelte'

let audio: AudioContext | null = null

/** Two short tones. A browser plays nothing before the first click or key on the page. */
export function playSound() {
  try {
    audio ??= new AudioContext()
    for (const [n, frequency] of [660, 880].entries()) {
      const oscillator = audio.createOscillator()
      const gain = audio.createGain()
      const begin = audio.currentTime + n * 0.18
      oscillator.frequency.value = frequency
      gain.gain.setValueAtTime(0.12, begin)
      gain.gain.exponentialRampToValueAtTime(0.001, begin + 0.16)
      oscillator.connect(gain).connect(audio.destination)
      oscillator.start(begin)
      oscillator.stop(begin + 0.17)
    }
  } catch {
    // Without sound the count and the list still say it.
  }
}

/** Asks the browser for the permission to notify; answers whether it is given. */
export async function requestNotifications(): Promise<boolean> {
  return 'Notification' in globalThis && (await Notification.requestPermission()) === 'granted'
}

let known: Set<string> | null = null

/** To be called in an effect. Requests that were there when the page was opened make no sound. */
export function callAttention(fleet: Fleet) {
  if (!fleet.loaded) return
  const waiting = [
    ...[...fleet.assistance.values()].filter(({ status }) => status === 'ASKED').map(({ id, vehicle }) => ({ id, text: `${fleet.vehicles.get(vehicle)?.name ?? say('{vehicle.A}')} needs a person`, page: '/inbox' })),
    ...[...fleet.incidents.values()].filter(isUnanswered).map(({ id, title, exercise }) => ({ id, text: `${exercise && !title.startsWith('Drill') ? 'Drill: ' : ''}${title}`, page: `/security/incidents/${id}` })),
  ]
  const fresh = known === null ? [] : waiting.filter(({ id }) => !known?.has(id))
  known = new Set(waiting.map(({ id }) => id))
  if (fresh.length === 0) return
  untrack(() => {
    if (preferences.sound) playSound()
    if (!preferences.notifications || !('Notification' in globalThis) || Notification.permission !== 'granted') return
    for (const { id, text, page } of fresh) {
      const notification = new Notification(text, { tag: id })
      notification.onclick = () => { focus(); router.navigate(page) }
    }
  })
}
