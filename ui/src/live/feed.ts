// The contract of the page's live data: events of the journal and measured positions. Each feed streams where the
// server offers a stream, and polls where it does not; its listener cannot tell the difference.
import type { JournalEntry } from '../api/types'

/** A measured position of a vehicle, timed by this browser's clock. */
export interface PositionSample {
  vehicle: string
  lat: number
  lon: number
  /** Degrees clockwise from north; null if it was not measured. */
  heading: number | null
  /** Metres per second; null if it was not measured. */
  speed: number | null
  /** When it was measured, on the scale of `performance.now()`. */
  measuredAt: number
  flags: number | null
}

/** Bits of a sample's flags, as the server sends them. */
export const SampleFlag = { online: 1, ready: 2, occupied: 4, stopped: 8, held: 16, claimed: 32 } as const

export interface FeedListener {
  /** Something arrived, so the server is reachable. */
  onConnected(): void
  /** The connection failed; the feed reconnects by itself. */
  onDisconnected(reason: string): void
}

export interface PositionListener extends FeedListener {
  onSamples(samples: PositionSample[]): void
}

export interface JournalListener extends FeedListener {
  onEntries(entries: JournalEntry[]): void
}

export interface Feed {
  stop(): void
}

/** The server has no such stream: the feed polls instead. */
export class StreamNotOffered extends Error {}

/** The delay before a retry in milliseconds: it doubles with each failed attempt from 500 ms up to 5 s. */
export function retryDelay(attempt: number): number {
  return Math.min(500 * 2 ** Math.min(attempt, 4), 5_000)
}

/** Resolves after a time, or at once when the feed is stopped. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const timer = setTimeout(resolve, ms)
    signal.addEventListener('abort', () => { clearTimeout(timer); resolve() }, { once: true })
  })
}
