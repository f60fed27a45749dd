// The row under the keyboard in whichever list is open, and the alerts that were looked at on this screen.
import { SvelteSet } from 'svelte/reactivity'
import { type Selection, view } from '../state/view.svelte'

class List {
  items = $state.raw<NonNullable<Selection>[]>([])
  cursor = $state<string | null>(null)
  readonly seen = new SvelteSet<string>()

  step(by: number) {
    if (this.items.length === 0) return
    const from = this.items.findIndex(({ id }) => id === (this.cursor ?? view.selection?.id))
    const to = from < 0 ? 0 : Math.min(this.items.length - 1, Math.max(0, from + by))
    this.cursor = this.items[to]?.id ?? null
  }

  open() {
    const item = this.items.find(({ id }) => id === this.cursor)
    if (item) view.select(item)
  }
}

export const list = new List()
