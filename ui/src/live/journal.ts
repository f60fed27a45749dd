// Events of the journal as they happen: Server-Sent Events read with fetch, because the token goes in a header and
// EventSource sends none; long polling of the journal where the server offers no stream. Both resume after the last
// entry that was received.
import type { Calls } from '../api/calls'
import type { Client } from '../api/client'
import type { JournalEntry } from '../api/types'
import { type Feed, type JournalListener, StreamNotOffered, retryDelay, sleep } from './feed'

/** A stream without data or keep-alive for this long is treated as broken. */
const STREAM_TIMEOUT_MS = 45_000
/** How long the server may hold a long poll before it answers without entries. */
const LONG_POLL_MS = 20_000

export function followJournal(client: Client, api: Calls, from: number, listener: JournalListener): Feed {
  const abort = new AbortController()
  void follow(client, api, from, listener, abort.signal)
  return { stop: () => abort.abort() }
}

async function follow(client: Client, api: Calls, from: number, listener: JournalListener, signal: AbortSignal) {
  let next = from
  let attempts = 0
  let read = stream
  const receive = (entries: JournalEntry[]) => {
    attempts = 0
    listener.onConnected()
    const fresh = entries.filter((entry) => entry.index >= next)
    const last = fresh.at(-1)
    if (!last) return
    next = last.index + 1
    listener.onEntries(fresh)
  }
  while (!signal.aborted) {
    try {
      await read(client, api, () => next, receive, signal)
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof StreamNotOffered) {
        read = poll
        continue
      }
      listener.onDisconnected(error instanceof Error ? error.message : 'the events stopped')
      await sleep(retryDelay(attempts++), signal)
    }
  }
}

type Receive = (entries: JournalEntry[]) => void

async function poll(_: Client, api: Calls, next: () => number, receive: Receive, signal: AbortSignal) {
  const page = await api.journal(next(), LONG_POLL_MS, signal)
  receive(page.items)
}

async function stream(client: Client, _: Calls, next: () => number, receive: Receive, signal: AbortSignal) {
  const timeout = new AbortController()
  const combined = AbortSignal.any([signal, timeout.signal])
  const headers: Record<string, string> = { ...client.headers(), Accept: 'text/event-stream' }
  // The id of the last event that was received; before the first there is none.
  if (next() > 0) headers['Last-Event-ID'] = String(next() - 1)
  let timer = setTimeout(() => timeout.abort(), STREAM_TIMEOUT_MS)
  try {
    const response = await fetch('/v1/events', { headers, signal: combined, cache: 'no-store' })
    const type = response.headers.get('content-type') ?? ''
    if (response.status === 404 || response.status === 405) throw new StreamNotOffered()
    if (!response.ok) throw await client.refusal(response)
    if (!type.startsWith('text/event-stream') || !response.body) throw new StreamNotOffered()
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
    const parser = new EventStreamParser()
    receive([])
    for (;;) {
      const { done, value } = await reader.read()
      if (done) throw new Error('the server ended the events')
      clearTimeout(timer)
      timer = setTimeout(() => timeout.abort(), STREAM_TIMEOUT_MS)
      receive(parser.push(value))
    }
  } finally {
    clearTimeout(timer)
  }
}

/** Parses Server-Sent Events from text in chunks; an incomplete event waits for its rest. */
class EventStreamParser {
  private buffer = ''

  push(chunk: string): JournalEntry[] {
    const blocks = (this.buffer + chunk).replaceAll('\r\n', '\n').split('\n\n')
    this.buffer = blocks.pop() ?? ''
    return blocks.flatMap((block) => {
      const data = block.split('\n').filter((line) => line.startsWith('data:')).map((line) => line.slice(5).trimStart())
      return data.length > 0 ? [JSON.parse(data.join('\n')) as JournalEntry] : []
    })
  }
}
