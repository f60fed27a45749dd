// Events of the journal as they happen: Server-Sent Events read with fetch, because the token goes in a header and
// EventSource has none; long polling of the journal where the server offers no stream. Both go on where they were.
import type { Calls } from '../api/calls'
import type { Client } from '../api/client'
import type { JournalEntry } from '../api/types'
import { type Feed, type JournalEvents, NotOffered, pause, wait } from './contract'

/** A stream that says nothing for so long, not even that it lives, is dead. */
const SILENCE_MS = 45_000
/** How long the server may wait for news before it answers that there are none. */
const POLL_WAIT_MS = 20_000

/** Follows the journal from an index on. */
export function followJournal(client: Client, api: Calls, from: number, events: JournalEvents): Feed {
  const stopping = new AbortController()
  void follow(client, api, from, events, stopping.signal)
  return { stop: () => stopping.abort() }
}

async function follow(client: Client, api: Calls, from: number, events: JournalEvents, signal: AbortSignal) {
  let next = from
  let tries = 0
  let read = stream
  const heard = (entries: JournalEntry[]) => {
    tries = 0
    events.alive()
    const fresh = entries.filter((entry) => entry.index >= next)
    const last = fresh.at(-1)
    if (!last) return
    next = last.index + 1
    events.entries(fresh)
  }
  while (!signal.aborted) {
    try {
      await read(client, api, () => next, heard, signal)
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof NotOffered) {
        read = poll
        continue
      }
      events.lost(error instanceof Error ? error.message : 'the events stopped')
      await wait(pause(tries++), signal)
    }
  }
}

type Heard = (entries: JournalEntry[]) => void

async function poll(_: Client, api: Calls, next: () => number, heard: Heard, signal: AbortSignal) {
  const page = await api.journal(next(), POLL_WAIT_MS, signal)
  heard(page.items)
}

async function stream(client: Client, _: Calls, next: () => number, heard: Heard, signal: AbortSignal) {
  const silence = new AbortController()
  const both = AbortSignal.any([signal, silence.signal])
  const headers: Record<string, string> = { ...client.headers(), Accept: 'text/event-stream' }
  // The id of the last event that was seen; before the first there is none.
  if (next() > 0) headers['Last-Event-ID'] = String(next() - 1)
  let timer = setTimeout(() => silence.abort(), SILENCE_MS)
  try {
    const response = await fetch('/v1/events', { headers, signal: both, cache: 'no-store' })
    const type = response.headers.get('content-type') ?? ''
    if (response.status === 404 || response.status === 405) throw new NotOffered()
    if (!response.ok) throw new Error(`the events answer ${response.status}`)
    if (!type.startsWith('text/event-stream') || !response.body) throw new NotOffered()
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    const parser = new EventParser()
    heard([])
    for (;;) {
      const { done, value } = await reader.read()
      if (done) throw new Error('the server ended the events')
      clearTimeout(timer)
      timer = setTimeout(() => silence.abort(), SILENCE_MS)
      heard(parser.take(value))
    }
  } finally {
    clearTimeout(timer)
  }
}

/** Takes text as it arrives and gives out whole events. */
export class EventParser {
  private rest = ''

  take(text: string): JournalEntry[] {
    const blocks = (this.rest + text).replaceAll('\r\n', '\n').split('\n\n')
    this.rest = blocks.pop() ?? ''
    return blocks.flatMap((block) => {
      const data = block.split('\n').filter((line) => line.startsWith('data:')).map((line) => line.slice(5).trimStart())
      return data.length > 0 ? [JSON.parse(data.join('\n')) as JournalEntry] : []
    })
  }
}

