// What the page needs to be alive: events of the journal as they happen, and positions as they are measured. Two
// pairs of feeds can give it: streams, where the server has them, and polling, where it has not.
import type { JournalEntry } from '../api/types'

/** Where a vehicle was, by the time of our own clock. */
export interface Sample {
  vehicle: string
  lat: number
  lon: number
  /** Degrees clockwise from north; null where nobody measured it. */
  heading: number | null
  /** Metres per second; null where nobody measured it. */
  speed: number | null
  /** When it was measured, on the scale of `performance.now()`. */
  at: number
  flags: number | null
}

/** Bits of a sample's flags, as the server sends them. */
export const Flag = { online: 1, ready: 2, occupied: 4, stopped: 8, held: 16, claimed: 32 } as const

/** What a feed tells whoever listens. */
export interface FeedEvents {
  /** Something arrived: the way to the server is open. */
  alive(): void
  /** The way is closed; the feed tries again by itself. */
  lost(reason: string): void
}

export interface PositionEvents extends FeedEvents {
  samples(samples: Sample[]): void
}

export interface JournalEvents extends FeedEvents {
  entries(entries: JournalEntry[]): void
}

/** Runs until it is told to stop. */
export interface Feed {
  stop(): void
}

/** The server has no such stream: use the other kind of feed. */
export class NotOffered extends Error {}

/** How long to wait before the n-th try in a row, in milliseconds: soon at first, never longer than a person waits. */
export function pause(tries: number): number {
  return Math.min(500 * 2 ** Math.min(tries, 4), 5_000)
}

/** Resolves after a time, or at once when the feed is stopped. */
export function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => { clearTimeout(timer); resolve() }, { once: true })
  })
}
