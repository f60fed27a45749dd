// What a table knows of itself: its columns, how it is sorted and filtered, which columns are shown, which rows are
// selected, and the views that a person saved under a name.
import { SvelteSet } from 'svelte/reactivity'
import { formatCellTime } from './format'

export interface Column<T> {
  key: string
  label: string
  /** What is sorted and exported. */
  value: (row: T) => string | number | null
  /** What is sorted by, where that is not the value itself. */
  rank?: (row: T) => number | null
  /** What is shown, searched and filtered by, where that is not the value itself. */
  text?: (row: T) => string
  /** The value is a moment, shown to the second or to the minute. */
  time?: 'second' | 'minute'
  align?: 'end'
  /** A CSS width; the others share what is left. */
  width?: string
  /** Not shown until it is chosen. */
  optional?: boolean
  /** Shown on a phone too. */
  narrow?: boolean
  /** Has few values, of which one can be chosen. */
  choices?: boolean
}

export interface Row { id: string }

interface Settings {
  search: string
  sort: { key: string; descending: boolean } | null
  filters: Record<string, string>
  /** Columns whose visibility differs from their default. */
  toggled: string[]
}

export interface SavedView extends Settings { name: string }

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' })

export function textOf<T>(column: Column<T>, row: T): string {
  if (column.text) return column.text(row)
  const value = column.value(row)
  return column.time && value ? formatCellTime(String(value), column.time) : String(value ?? '')
}

export class TableState<T extends Row> {
  search = $state('')
  sort = $state<Settings['sort']>(null)
  filters = $state<Record<string, string>>({})
  readonly toggled = new SvelteSet<string>()
  readonly selected = new SvelteSet<string>()
  views = $state.raw<SavedView[]>([])
  private readonly key: string

  /** `id` names the table in the browser's storage. */
  constructor(id: string, sort: Settings['sort'] = null) {
    this.key = `atlasmesh.table.${id}`
    this.sort = sort
    try {
      const stored = JSON.parse(localStorage.getItem(this.key) ?? '{}') as { views?: SavedView[]; toggled?: string[] }
      this.views = stored.views ?? []
      for (const key of stored.toggled ?? []) this.toggled.add(key)
    } catch {
      // What cannot be read is as if nothing was saved.
    }
  }

  isShown(column: Column<T>, narrow: boolean): boolean {
    const toggled = this.toggled.has(column.key)
    return narrow ? (column.narrow === true) !== toggled : (column.optional !== true) !== toggled
  }

  toggleColumn(key: string) {
    if (!this.toggled.delete(key)) this.toggled.add(key)
    this.store()
  }

  /** Ascending, descending, and as the rows come. */
  sortBy(key: string) {
    this.sort = this.sort?.key !== key ? { key, descending: false } : this.sort.descending ? null : { key, descending: true }
  }

  get filtered(): boolean {
    return this.search.trim() !== '' || Object.values(this.filters).some(Boolean)
  }

  clearFilters() {
    this.search = ''
    this.filters = {}
  }

  rowsOf(rows: T[], columns: Column<T>[]): T[] {
    const terms = this.search.toLowerCase().split(/\s+/).filter(Boolean)
    const filters = columns.filter(({ key }) => this.filters[key])
    const found = terms.length === 0 && filters.length === 0 ? rows : rows.filter((row) => {
      if (!filters.every((column) => textOf(column, row) === this.filters[column.key])) return false
      const text = terms.length === 0 ? '' : `${row.id} ${columns.map((column) => textOf(column, row)).join(' ')}`.toLowerCase()
      return terms.every((term) => text.includes(term))
    })
    const column = columns.find(({ key }) => key === this.sort?.key)
    if (!column) return found
    const sign = this.sort?.descending ? -1 : 1
    const rank = column.rank ?? column.value
    return found.toSorted((a, b) => compare(rank(a), rank(b), sign))
  }

  saveView(name: string) {
    const view = { name, search: this.search, sort: this.sort, filters: { ...this.filters }, toggled: [...this.toggled] }
    this.views = [...this.views.filter((other) => other.name !== name), view]
    this.store()
  }

  applyView(view: SavedView) {
    this.search = view.search
    this.sort = view.sort
    this.filters = { ...view.filters }
    this.toggled.clear()
    for (const key of view.toggled) this.toggled.add(key)
  }

  removeView(name: string) {
    this.views = this.views.filter((view) => view.name !== name)
    this.store()
  }

  private store() {
    localStorage.setItem(this.key, JSON.stringify({ views: this.views, toggled: [...this.toggled] }))
  }
}

/** What is not known comes last, in either direction. */
function compare(a: string | number | null, b: string | number | null, sign: number): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1
  return sign * (typeof a === 'number' && typeof b === 'number' ? a - b : collator.compare(String(a), String(b)))
}

/** Rows as comma-separated values; a text that a spreadsheet would run as a formula is marked as text. */
export function toCsv<T>(rows: T[], columns: Column<T>[]): string {
  const cell = (value: string | number | null) => {
    const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value ?? '')
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
  }
  const lines = [columns.map(({ label }) => cell(label)), ...rows.map((row) => columns.map((column) => cell(column.value(row))))]
  return lines.map((line) => line.join(',')).join('\r\n') + '\r\n'
}
