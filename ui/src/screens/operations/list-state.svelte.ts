// The keyboard's cursor in the list that is open beside the map.
import { type Selection, view } from '../../state/view.svelte'

class ListState {
  items = $state.raw<NonNullable<Selection>[]>([])
  cursor = $state<string | null>(null)

  moveCursor(by: number) {
    if (this.items.length === 0) return
    const from = this.items.findIndex(({ id }) => id === (this.cursor ?? view.selection?.id))
    const to = from < 0 ? 0 : Math.min(this.items.length - 1, Math.max(0, from + by))
    this.cursor = this.items[to]?.id ?? null
  }

  openCursor() {
    const item = this.items.find(({ id }) => id === this.cursor)
    if (item) view.select(item)
  }
}

export const listState = new ListState()
