// The keyboard shortcuts of every screen. A screen adds its own by `screenShortcuts`. They are off in text fields and while
// a dialog is open.
import type { Fleet } from '../live/fleet.svelte'
import { startTask } from '../actions/tasks'
import { isReplay } from '../state/router.svelte'
import { say } from '../state/sector.svelte'
import { session } from '../state/session.svelte'
import { view } from '../state/view.svelte'
import { theme } from '../theme/theme.svelte'

export interface Shortcut {
  keys: string[]
  description: string
}

export const SHORTCUTS: Shortcut[] = [
  { keys: ['Ctrl', 'K'], get description() { return say('Find {vehicle.a}, {trip.a}, a screen or an action') } },
  { keys: ['/'], description: 'Search in this list' },
  { keys: ['Esc'], description: 'Back' },
  { keys: ['t'], get description() { return say('New {trip.one}') } },
  { keys: ['s', 's'], get description() { return say('Stop the open {vehicle.one} at the nearest place (also s, Enter)') } },
  { keys: ['s', 'n'], get description() { return say('Stop the open {vehicle.one} now') } },
  { keys: ['s', 'p'], get description() { return say('Stop the open {vehicle.one} where its {trip.one} ends, or at the chosen stop of it') } },
  { keys: ['d'], description: 'Light or dark' },
  { keys: ['?'], description: 'This help' },
]

interface ScreenShortcuts {
  title: string
  shortcuts: Shortcut[]
  /** Answers whether the key was one of its own. */
  run(event: KeyboardEvent): boolean
}

let ofScreen: ScreenShortcuts | null = null

/** Adds the shortcuts of the open screen; answers how to take them away. */
export function screenShortcuts(shortcuts: ScreenShortcuts): () => void {
  ofScreen = shortcuts
  return () => { if (ofScreen === shortcuts) ofScreen = null }
}

export function shortcutsOfScreen(): ScreenShortcuts | null {
  return ofScreen
}

export function isTextField(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.matches('input:not([type=radio], [type=checkbox]), textarea, select') || target.isContentEditable)
}

/** Whether the element handles Enter itself. */
export function isActivatable(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('button, a, summary, input, [role=tab]')
}

export function onKeydown(event: KeyboardEvent, fleet: Fleet) {
  if (event.defaultPrevented) return
  if ((event.ctrlKey || event.metaKey) && !event.altKey && event.key.toLowerCase() === 'k') {
    event.preventDefault()
    if (!view.dialog || view.dialog.kind === 'palette') view.dialog = view.dialog ? null : { kind: 'palette' }
    return
  }
  if (event.ctrlKey || event.metaKey || event.altKey || view.dialog) return
  if (event.key === 'Escape') {
    // The browser itself closes an open menu.
    if (document.querySelector(':popover-open')) return
    if (event.target instanceof HTMLElement && isTextField(event.target)) event.target.blur()
    view.back()
    return
  }
  if (isTextField(event.target)) {
    if (event.key === 'Enter' && event.target instanceof HTMLInputElement && event.target.id === 'search') ofScreen?.run(event)
    return
  }
  if (ofScreen?.run(event) || runShortcut(event, fleet)) event.preventDefault()
}

function runShortcut(event: KeyboardEvent, fleet: Fleet): boolean {
  switch (event.key) {
    case '/': {
      const search = document.querySelector<HTMLInputElement>('#content input[type=search]')
      search?.focus()
      return search !== null
    }
    case 't': return !isReplay() && session.may('post_v1_trips') && (startTask(fleet, 'trip'), true)
    case 's': return !isReplay() && (openStopDialog(fleet), true)
    case 'd': theme.toggle(); return true
    case '?': view.dialog = { kind: 'shortcuts' }; return true
    default: return false
  }
}

/** Asks how to stop the vehicle that is open, or else which to stop. It never clears a stop, because it is pressed without looking. */
export function openStopDialog(fleet: Fleet) {
  if (!session.may('post_v1_vehicles_vehicle_stop')) {
    view.notify(say('Your role may not stop {vehicle.many}.'))
    return
  }
  const { selection } = view
  const vehicle = selection?.kind === 'vehicle' ? selection.id : selection ? (fleet.trips.get(selection.id)?.vehicle ?? null) : view.pointed
  view.dialog = { kind: 'stop', vehicle }
}
