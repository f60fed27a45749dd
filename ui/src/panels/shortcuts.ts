// All keyboard shortcuts of the page. They are off in text fields and while a dialog is open.
import type { Fleet } from '../live/fleet.svelte'
import { drawing } from '../map/drawing.svelte'
import { view } from '../state/view.svelte'
import { theme } from '../theme/theme.svelte'
import { listState } from './list-state.svelte'
import { startTask } from './tasks'

export const SHORTCUTS: { keys: string[]; description: string }[] = [
  { keys: ['/'], description: 'Search' },
  { keys: ['j', 'k'], description: 'Down and up in the list' },
  { keys: ['Enter'], description: 'Open the row; end a drawing' },
  { keys: ['Esc'], description: 'Back' },
  { keys: ['1', '–', '4'], description: 'Vehicles, trips, alerts, roads' },
  { keys: ['t'], description: 'New trip' },
  { keys: ['c'], description: 'Close a road' },
  { keys: ['z'], description: 'Draw a zone' },
  { keys: ['s', 's'], description: 'Stop the selected vehicle at the nearest place' },
  { keys: ['s', 'n'], description: 'Stop the selected vehicle now' },
  { keys: ['f'], description: 'Follow the selected vehicle' },
  { keys: ['h'], description: 'Everything into sight' },
  { keys: ['d'], description: 'Light or dark' },
  { keys: ['?'], description: 'This help' },
]

function isTextField(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.matches('input:not([type=radio]), textarea, select') || target.isContentEditable)
}

/** Whether the element handles Enter itself. */
function isActivatable(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('button, a, summary, [role=tab]')
}

export function onKeydown(event: KeyboardEvent, fleet: Fleet) {
  if (event.ctrlKey || event.metaKey || event.altKey || view.dialog) return
  if (event.key === 'Escape') {
    if (event.target instanceof HTMLElement && isTextField(event.target)) event.target.blur()
    view.back()
    return
  }
  if (event.key === 'Enter' && event.target instanceof HTMLInputElement && event.target.id === 'search') {
    event.target.blur()
    listState.cursor = listState.items[0]?.id ?? null
    return
  }
  if (isTextField(event.target)) return
  const handled = runShortcut(event, fleet)
  if (handled) event.preventDefault()
}

function runShortcut(event: KeyboardEvent, fleet: Fleet): boolean {
  switch (event.key) {
    case '/':
      if (view.tab !== 'vehicles' && view.tab !== 'trips') view.tab = 'vehicles'
      view.sheet = 'up'
      if (view.task) view.task = null
      // The field may not be rendered before the next frame.
      requestAnimationFrame(() => document.getElementById('search')?.focus())
      return true
    case 'j': case 'ArrowDown':
      if (event.key === 'ArrowDown' && !inList(event.target)) return false
      listState.moveCursor(1)
      return true
    case 'k': case 'ArrowUp':
      if (event.key === 'ArrowUp' && !inList(event.target)) return false
      listState.moveCursor(-1)
      return true
    case 'Enter':
      if (view.task?.kind === 'area' && !view.task.done) {
        drawing.finish()
        return true
      }
      if (isActivatable(event.target)) return false
      listState.openCursor()
      return true
    case 'Backspace':
      drawing.undo()
      return view.task?.kind === 'area' || view.task?.kind === 'path'
    case '1': case '2': case '3': case '4':
      view.tab = (['vehicles', 'trips', 'alerts', 'roads'] as const)[Number(event.key) - 1]!
      return true
    case 't': startTask(fleet, 'trip'); return true
    case 'c': startTask(fleet, 'close'); return true
    case 'z': startTask(fleet, 'zone'); return true
    case 's': return openStopDialog(fleet)
    case 'f': view.follow = !view.follow && view.selection !== null; return true
    case 'h': drawing.controller?.fitAll(); return true
    case 'd': theme.toggle(); return true
    case '?': view.dialog = { kind: 'shortcuts' }; return true
    default: return false
  }
}

function inList(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('[role=listbox]') !== null
}

function openStopDialog(fleet: Fleet): boolean {
  const selection = view.selection
  const vehicle = selection?.kind === 'vehicle' ? selection.id : selection ? fleet.trips.get(selection.id)?.vehicle : null
  // The key never clears a stop, because operators press it without looking at the vehicle's state.
  if (vehicle) view.dialog = { kind: 'stop', vehicle }
  else view.notify('Select the vehicle first: then s asks how to stop it.')
  return true
}
