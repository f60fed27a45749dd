// Positions as they are measured: a WebSocket of small binary records, or, where the server has none, the list of
// vehicles once a second. Who listens is told samples and does not learn which it was.
import type { Client } from '../api/client'
import type { Vehicle } from '../api/types'
import { type Feed, type PositionEvents, type Sample, pause, wait } from './contract'

const RECORD_BYTES = 24
/** How often the list is asked for where there is no stream. */
const POLL_MS = 1_000
/** How long the list stands in for a stream that cannot be opened, before that is tried again. */
const POLL_FOR_MS = 15_000
/** A socket that is silent for so long is dead: vehicles tell their place each second. */
const SILENCE_MS = 20_000

export interface PositionSource {
  client: Client
  /** The vehicles as the server knows them now. */
  vehicles(signal: AbortSignal): Promise<Vehicle[]>
  /** Takes the list that was asked for anyway. */
  listed(vehicles: Vehicle[]): void
}

export function followPositions(source: PositionSource, events: PositionEvents): Feed {
  const stopping = new AbortController()
  void follow(source, events, stopping.signal)
  return { stop: () => stopping.abort() }
}

async function follow(source: PositionSource, events: PositionEvents, signal: AbortSignal) {
  let tries = 0
  const told = { ...events, alive: () => { tries = 0; events.alive() } }
  while (!signal.aborted) {
    try {
      await socket(source.client, told, signal)
      // It could not be opened, and a browser does not tell why. The list does: it answers, or says what is wrong.
      await poll(source, told, signal)
    } catch (error) {
      if (signal.aborted) return
      events.lost(error instanceof Error ? error.message : 'the positions stopped')
      await wait(pause(tries++), signal)
    }
  }
}

/** Returns if the stream cannot be opened; fails once one that was open ends. */
function socket(client: Client, events: PositionEvents, signal: AbortSignal): Promise<void> {
  const address = new URL('/v1/positions', location.href)
  address.protocol = address.protocol === 'https:' ? 'wss:' : 'ws:'
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(address, ['atlasmesh.v1', `bearer.${client.token}`])
    socket.binaryType = 'arraybuffer'
    const names = new Map<number, string>()
    let opened = false
    const end = () => {
      clearTimeout(timer)
      socket.close()
      if (opened) reject(new Error('the positions stopped'))
      else resolve()
    }
    let timer = setTimeout(end, SILENCE_MS)
    signal.addEventListener('abort', end, { once: true })
    socket.onopen = () => { opened = true; events.alive() }
    socket.onclose = end
    socket.onmessage = ({ data }) => {
      clearTimeout(timer)
      timer = setTimeout(end, SILENCE_MS)
      events.alive()
      if (typeof data !== 'string') return events.samples(decode(data as ArrayBuffer, names))
      names.clear()
      const { vehicles } = JSON.parse(data) as { vehicles: { n: number; id: string }[] }
      for (const { n, id } of vehicles) names.set(n, id)
    }
  })
}

/** Records of 24 bytes, little endian, as docs/guides/api.md has them. */
export function decode(buffer: ArrayBuffer, names: ReadonlyMap<number, string>, now = performance.now()): Sample[] {
  const view = new DataView(buffer)
  const samples: Sample[] = []
  for (let at = 0; at + RECORD_BYTES <= buffer.byteLength; at += RECORD_BYTES) {
    const vehicle = names.get(view.getUint32(at, true))
    if (vehicle === undefined) continue
    samples.push({
      vehicle,
      lat: view.getInt32(at + 4, true) / 1e7,
      lon: view.getInt32(at + 8, true) / 1e7,
      heading: view.getUint16(at + 12, true) / 100,
      speed: view.getUint16(at + 14, true) / 100,
      at: now - view.getUint32(at + 16, true),
      flags: view.getUint16(at + 20, true),
    })
  }
  return samples
}

async function poll(source: PositionSource, events: PositionEvents, signal: AbortSignal) {
  const until = performance.now() + POLL_FOR_MS
  while (performance.now() < until) {
    const began = performance.now()
    const vehicles = await source.vehicles(signal)
    events.alive()
    source.listed(vehicles)
    const now = performance.now()
    events.samples(vehicles.flatMap(({ id, seen }) => {
      if (!seen?.position) return []
      const age = Math.max(0, source.client.now() - Date.parse(seen.at))
      return [{ vehicle: id, ...seen.position, heading: null, speed: null, at: now - age, flags: null }]
    }))
    await wait(Math.max(100, POLL_MS - (performance.now() - began)), signal)
    if (signal.aborted) return
  }
}
