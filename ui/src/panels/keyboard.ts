// Every key of the page in one place. Keys are off while somebody writes, and while a dialog asks.
import type { Fleet } from '../live/fleet.svelte'
import { drawing } from '../map/drawing.svelte'
import { view } from '../state/view.svelte'
import { theme } from '../theme/theme.svelte'
import { list } from './cursor.svelte'
import { begin } from './tasks'

export const KEYS: { shown: string[]; what: string }[] = [
  { shown: ['/'], what: 'Search' },
  { shown: ['j', 'k'], what: 'Down and up in the list' },
  { shown: ['Enter'], what: 'Open the row; end a drawing' },
  { shown: ['Esc'], what: 'Back' },
  { shown: ['1', '–', '4'], what: 'Vehicles, trips, alerts, roads' },
  { shown: ['t'], what: 'New trip' },
  { shown: ['c'], what: 'Close a road' },
  { shown: ['z'], what: 'Draw a zone' },
  { shown: ['s', 's'], what: 'Stop the selected vehicle at the nearest place' },
  { shown: ['s', 'n'], what: 'Stop the selected vehicle now' },
  { shown: ['f'], what: 'Follow the selected vehicle' },
  { shown: ['h'], what: 'Everything into sight' },
  { shown: ['d'], what: 'Light or dark' },
  { shown: ['?'], what: 'This help' },
]

function writes(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.matches('input:not([type=radio]), textarea, select') || target.isContentEditable)
}

/** Whether the element does something of its own on Enter. */
function presses(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('button, a, summary, [role=tab]')
}

export function pressed(event: KeyboardEvent, fleet: Fleet) {
  if (event.ctrlKey || event.metaKey || event.altKey || view.ask) return
  if (event.key === 'Escape') {
    if (event.target instanceof HTMLElement && writes(event.target)) event.target.blur()
    view.back()
    return
  }
  if (event.key === 'Enter' && event.target instanceof HTMLInputElement && event.target.id === 'search') {
    event.target.blur()
    list.cursor = list.items[0]?.id ?? null
    return
  }
  if (writes(event.target)) return
  const done = act(event, fleet)
  if (done) event.preventDefault()
}

function act(event: KeyboardEvent, fleet: Fleet): boolean {
  switch (event.key) {
    case '/':
      if (view.tab !== 'vehicles' && view.tab !== 'trips') view.tab = 'vehicles'
      view.sheet = 'up'
      if (view.task) view.task = null
      // The field may only now come to be.
      requestAnimationFrame(() => document.getElementById('search')?.focus())
      return true
    case 'j': case 'ArrowDown':
      if (event.key === 'ArrowDown' && !inList(event.target)) return false
      list.step(1)
      return true
    case 'k': case 'ArrowUp':
      if (event.key === 'ArrowUp' && !inList(event.target)) return false
      list.step(-1)
      return true
    case 'Enter':
      if (view.task?.kind === 'area' && !view.task.done) {
        drawing.finish()
        return true
      }
      if (presses(event.target)) return false
      list.open()
      return true
    case 'Backspace':
      drawing.undo()
      return view.task?.kind === 'area' || view.task?.kind === 'path'
    case '1': case '2': case '3': case '4':
      view.tab = (['vehicles', 'trips', 'alerts', 'roads'] as const)[Number(event.key) - 1]!
      return true
    case 't': begin(fleet, 'trip'); return true
    case 'c': begin(fleet, 'close'); return true
    case 'z': begin(fleet, 'zone'); return true
    case 's': return stop(fleet)
    case 'f': view.follow = !view.follow && view.selection !== null; return true
    case 'h': drawing.controller?.home(); return true
    case 'd': theme.flip(); return true
    case '?': view.ask = { kind: 'keys' }; return true
    default: return false
  }
}

function inList(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('[role=listbox]') !== null
}

function stop(fleet: Fleet): boolean {
  const selection = view.selection
  const vehicle = selection?.kind === 'vehicle' ? selection.id : selection ? fleet.trips.get(selection.id)?.vehicle : null
  // Never to clear a stop: the key that stops is pressed without looking.
  if (vehicle) view.ask = { kind: 'stop', vehicle }
  else view.tell('Select the vehicle first: then s asks how to stop it.')
  return true
}
