// The names of people and programs, by the ids that the journal has of them. They are read with the first id that is asked
// for, and again with an id that is not among them.
import type { Accounts } from '../api/accounts'

export class People {
  private names = $state.raw<ReadonlyMap<string, string>>(new Map())
  private wanted = new Set<string>()
  /** Those that have no name, or whose names could not be read. */
  private readonly nameless = new Set<string>()
  private reading = false

  constructor(private readonly accounts: Accounts) {}

  /** The name of a principal; until it is known, and where there is none, the id. */
  nameOf(id: string): string {
    const name = this.names.get(id)
    if (name !== undefined || !id.startsWith('prin_') || this.nameless.has(id)) return name ?? id
    this.wanted.add(id)
    if (!this.reading) void this.read()
    return id
  }

  private async read() {
    this.reading = true
    while (this.wanted.size > 0) {
      const wanted = this.wanted
      this.wanted = new Set()
      const names = await this.readNames().catch(() => this.names)
      for (const id of wanted) if (!names.has(id)) this.nameless.add(id)
      this.names = names
    }
    this.reading = false
  }

  private async readNames(): Promise<ReadonlyMap<string, string>> {
    const names = new Map<string, string>()
    for (let after: string | undefined; ;) {
      const { items, next } = await this.accounts.people(after)
      for (const { id, name } of items) names.set(id, name)
      if (next === null) return names
      after = String(next)
    }
  }
}
