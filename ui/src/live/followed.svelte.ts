// Something that the server knows, as it is now: read at first, again after each event about it, and, where events do not
// tell all, every so often while the page is visible.
import type { Fleet } from './fleet.svelte'

interface What<T> {
  read: () => Promise<T>
  /** Streams of the journal, such as `rollout` or `rollout/rollout_…`. */
  streams: string[]
  /** How often it is read beside the events, in milliseconds; null while the events are enough. */
  every?: (current: T | null) => number | null
}

export class Followed<T> {
  /** Null until it was read. */
  current = $state.raw<T | null>(null)
  error = $state.raw<unknown>(null)
  private reads = 0
  private timer: ReturnType<typeof setTimeout> | undefined
  private following = false

  constructor(private readonly fleet: Fleet, private readonly what: What<T>) {}

  /** Keeps it current; answers how to end that. */
  follow(): () => void {
    this.following = true
    const ends = this.what.streams.map((stream) => this.fleet.watch(stream, () => { void this.read() }))
    const onvisible = () => { if (!document.hidden) void this.read() }
    document.addEventListener('visibilitychange', onvisible)
    void this.read()
    return () => {
      this.following = false
      clearTimeout(this.timer)
      document.removeEventListener('visibilitychange', onvisible)
      for (const end of ends) end()
    }
  }

  async read() {
    const read = ++this.reads
    clearTimeout(this.timer)
    try {
      const found = await this.what.read()
      // A slow answer never overwrites a newer one.
      if (read !== this.reads) return
      this.current = found
      this.error = null
    } catch (error) {
      if (read === this.reads) this.error = error
    }
    const every = this.what.every?.(this.current) ?? null
    if (this.following && every !== null && !document.hidden) this.timer = setTimeout(() => { void this.read() }, every)
  }
}
