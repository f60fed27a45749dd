// The upload of an image: its digest first, then its parts, behind those that are on the server already.
import type { Calls } from '../../api/calls'
import { Unreachable } from '../../api/client'
import { retryDelay, sleep } from '../../live/feed'
import { Sha256 } from './sha256'

/** Read and digested at once. */
const READ_BYTES = 4 << 20
/** Sent at once; the server takes up to 4 MiB, and a slow line wants less. */
const PART_BYTES = 1 << 20
/** How often a part is sent again before the person is asked. */
const RETRIES = 5

export interface Progress {
  phase: 'digest' | 'send' | 'done'
  /** Bytes that are digested, or on the server. */
  done: number
  sha256: string | null
  /** Bytes that were on the server before. */
  resumedAt: number
}

async function digest(file: File, onprogress: (done: number) => void, signal: AbortSignal): Promise<string> {
  const hash = new Sha256()
  for (let at = 0; at < file.size; at += READ_BYTES) {
    signal.throwIfAborted()
    hash.update(new Uint8Array(await file.slice(at, at + READ_BYTES).arrayBuffer()))
    onprogress(Math.min(file.size, at + READ_BYTES))
  }
  return hash.digest()
}

function base64(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000))
  return btoa(text)
}

/** Uploads a file and answers its SHA-256; called again it goes on where it stood. */
export async function upload(api: Calls, file: File, onprogress: (progress: Progress) => void, signal: AbortSignal): Promise<string> {
  const tell = (progress: Partial<Progress>) => onprogress({ phase: 'send', done: 0, sha256: null, resumedAt: 0, ...progress })
  tell({ phase: 'digest' })
  const sha256 = await digest(file, (done) => tell({ phase: 'digest', done }), signal)
  let { received, image } = await api.imageState(sha256)
  const resumedAt = received
  let tries = 0
  while (!image) {
    tell({ done: received, sha256, resumedAt })
    signal.throwIfAborted()
    const bytes = new Uint8Array(await file.slice(received, received + PART_BYTES).arrayBuffer())
    try {
      ({ received, image } = await api.sendImagePart(sha256, { length: file.size, at: received, data: base64(bytes) }, signal))
      tries = 0
    } catch (error) {
      if (!(error instanceof Unreachable) || tries >= RETRIES) throw error
      await sleep(retryDelay(tries++), signal)
      signal.throwIfAborted();
      ({ received, image } = await api.imageState(sha256).catch(() => ({ received, image: null })))
    }
  }
  tell({ phase: 'done', done: file.size, sha256, resumedAt })
  return sha256
}
