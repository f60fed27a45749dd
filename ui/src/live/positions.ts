// Positions as they are measured: a WebSocket of binary records, or, where the server has none, the list of vehicles
// once a second. The listener gets samples either way.
import type { Client } from '../api/client'
import type { Vehicle } from '../api/types'
import { type Feed, type PositionListener, type PositionSample, retryDelay, sleep } from './feed'

const RECORD_BYTES = 24
/** The interval between reads of the list where there is no stream. */
const POLL_INTERVAL_MS = 1_000
/** How long the list is polled before the stream is tried again. */
const POLL_DURATION_MS = 15_000
/** Vehicles report their position each second: a socket without messages for this long is treated as broken. */
const SOCKET_TIMEOUT_MS = 20_000

export interface PositionSource {
  client: Client
  readVehicles(signal: AbortSignal): Promise<Vehicle[]>
  /** Gets the list that polling reads anyway. */
  onVehicles(vehicles: Vehicle[]): void
}

export function followPositions(source: PositionSource, listener: PositionListener): Feed {
  const abort = new AbortController()
  void follow(source, listener, abort.signal)
  return { stop: () => abort.abort() }
}

async function follow(source: PositionSource, listener: PositionListener, signal: AbortSignal) {
  let attempts = 0
  const retryListener = { ...listener, onConnected: () => { attempts = 0; listener.onConnected() } }
  while (!signal.aborted) {
    try {
      await socket(source.client, retryListener, signal)
      // A browser does not say why a socket could not be opened; the list answers, or fails with the reason.
      await poll(source, retryListener, signal)
    } catch (error) {
      if (signal.aborted) return
      listener.onDisconnected(error instanceof Error ? error.message : 'the positions stopped')
      await sleep(retryDelay(attempts++), signal)
    }
  }
}

/** Resolves if the stream cannot be opened; rejects once an open one ends. */
function socket(client: Client, listener: PositionListener, signal: AbortSignal): Promise<void> {
  const url = new URL('/v1/positions', location.href)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, client.token === null ? ['atlasmesh.v1'] : ['atlasmesh.v1', `bearer.${client.token}`])
    socket.binaryType = 'arraybuffer'
    const ids = new Map<number, string>()
    let opened = false
    const close = () => {
      clearTimeout(timer)
      socket.close()
      if (opened) reject(new Error('the positions stopped'))
      else resolve()
    }
    let timer = setTimeout(close, SOCKET_TIMEOUT_MS)
    signal.addEventListener('abort', close, { once: true })
    socket.onopen = () => { opened = true; listener.onConnected() }
    socket.onclose = close
    socket.onmessage = ({ data }) => {
      clearTimeout(timer)
      timer = setTimeout(close, SOCKET_TIMEOUT_MS)
      listener.onConnected()
      if (typeof data !== 'string') return listener.onSamples(decode(data as ArrayBuffer, ids))
      ids.clear()
      const { vehicles } = JSON.parse(data) as { vehicles: { n: number; id: string }[] }
      for (const { n, id } of vehicles) ids.set(n, id)
    }
  })
}

/** Records of 24 bytes, little endian, as docs/guides/api.md has them. */
function decode(buffer: ArrayBuffer, ids: ReadonlyMap<number, string>, now = performance.now()): PositionSample[] {
  const view = new DataView(buffer)
  const samples: PositionSample[] = []
  for (let offset = 0; offset + RECORD_BYTES <= buffer.byteLength; offset += RECORD_BYTES) {
    const vehicle = ids.get(view.getUint32(offset, true))
    if (vehicle === undefined) continue
    samples.push({
      vehicle,
      lat: view.getInt32(offset + 4, true) / 1e7,
      lon: view.getInt32(offset + 8, true) / 1e7,
      heading: view.getUint16(offset + 12, true) / 100,
      speed: view.getUint16(offset + 14, true) / 100,
      measuredAt: now - view.getUint32(offset + 16, true),
      flags: view.getUint16(offset + 20, true),
    })
  }
  return samples
}

async function poll(source: PositionSource, listener: PositionListener, signal: AbortSignal) {
  const until = performance.now() + POLL_DURATION_MS
  while (performance.now() < until) {
    const began = performance.now()
    const vehicles = await source.readVehicles(signal)
    listener.onConnected()
    source.onVehicles(vehicles)
    const now = performance.now()
    listener.onSamples(vehicles.flatMap(({ id, seen }) => {
      if (!seen?.position) return []
      const age = Math.max(0, source.client.now() - Date.parse(seen.at))
      return [{ vehicle: id, ...seen.position, heading: null, speed: null, measuredAt: now - age, flags: null }]
    }))
    await sleep(Math.max(100, POLL_INTERVAL_MS - (performance.now() - began)), signal)
    if (signal.aborted) return
  }
}
