// The shortcuts of the map with its lists.
import { startTask } from '../../actions/tasks'
import type { Fleet } from '../../live/fleet.svelte'
import { drawing } from '../../map/drawing.svelte'
import { isActivatable, screenShortcuts } from '../../shell/shortcuts'
import { say } from '../../state/sector.svelte'
import { session } from '../../state/session.svelte'
import { view } from '../../state/view.svelte'
import { listState } from './list-state.svelte'

const SHORTCUTS = [
  { keys: ['j', 'k'], description: 'Down and up in the list' },
  { keys: ['Enter'], description: 'Open the row; end a drawing' },
  { keys: ['1', '–', '4'], get description() { return say('{vehicle.Many}, {trip.many}, alerts, roads') } },
  { keys: ['c'], description: 'Close a road' },
  { keys: ['z'], description: 'Draw a zone' },
  { keys: ['f'], get description() { return say('Follow the selected {vehicle.one}') } },
  { keys: ['h'], description: 'Everything into sight' },
]

export const mapShortcuts = (fleet: Fleet) =>
  screenShortcuts({ title: 'On the map', shortcuts: SHORTCUTS, run: (event) => run(event, fleet) })

function run(event: KeyboardEvent, fleet: Fleet): boolean {
  switch (event.key) {
    case '/':
      if (view.tab !== 'vehicles' && view.tab !== 'trips') view.tab = 'vehicles'
      view.sheet = 'up'
      view.task = null
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
    case 'Enter': return enter(event)
    case 'Backspace':
      drawing.undo()
      return view.task?.kind === 'area' || view.task?.kind === 'path'
    case '1': case '2': case '3': case '4':
      view.tab = (['vehicles', 'trips', 'alerts', 'roads'] as const)[Number(event.key) - 1]!
      return true
    case 'c': return session.may('post_v1_sites_site_closures') && (startTask(fleet, 'close'), true)
    case 'z': return session.may('post_v1_sites_site_zones') && (startTask(fleet, 'zone'), true)
    case 'f': view.follow = !view.follow && view.selection !== null; return true
    case 'h': drawing.controller?.fitAll(); return true
    default: return false
  }
}

function enter(event: KeyboardEvent): boolean {
  if (event.target instanceof HTMLInputElement && event.target.id === 'search') {
    event.target.blur()
    listState.cursor = listState.items[0]?.id ?? null
    return true
  }
  if (view.task?.kind === 'area' && !view.task.done) {
    drawing.finish()
    return true
  }
  if (isActivatable(event.target)) return false
  listState.openCursor()
  return true
}

function inList(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.closest('[role=listbox]') !== null
}
