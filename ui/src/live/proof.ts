// Checks in the browser what the server says of its journal: the path of hashes from an event to the root (RFC 9162
// §2.1.3.2), and the signature of the head that states the root (C2SP signed-note, Ed25519). docs/guides/api.md has the formats.
import type { Receipt } from '../api/types'

export interface ProofCheck {
  /** How many entries the signed head covers. */
  size: number
  /** The root that the path leads to, as hexadecimal digits. */
  root: string
  /** The name of the key that signed; null where this browser knows no Ed25519. */
  signer: string | null
}

/** What was asked of the server does not prove the event. */
export class NotProven extends Error {}

/** Browsers have the hashes only for pages that nobody could have changed on the way. */
export const canCheck = () => globalThis.crypto?.subtle !== undefined

const ED25519 = 1
const KEY_ID_BYTES = 4
const SIGNATURE_MARK = '\u2014 '

type Bytes = Uint8Array<ArrayBuffer>

const utf8 = (text: string): Bytes => new TextEncoder().encode(text)
const hex = (bytes: Bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
const fromBase64 = (text: string): Bytes => Uint8Array.from(atob(text), (char) => char.charCodeAt(0))

function fromHex(text: string): Bytes {
  if (!/^[0-9a-f]{64}$/.test(text)) throw new NotProven('A hash of the path is not one.')
  return Uint8Array.from(text.match(/../g)!, (digits) => parseInt(digits, 16))
}

async function hashOf(...parts: Bytes[]): Promise<Bytes> {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) { whole.set(part, at); at += part.length }
  return new Uint8Array(await crypto.subtle.digest('SHA-256', whole))
}

const LEAF = Uint8Array.of(0)
const NODE = Uint8Array.of(1)

/** The root that a path leads to from a leaf. Sizes are beyond 32 bits, so that there is no shifting of them. */
async function rootOf(leaf: Bytes, index: number, size: number, path: Bytes[]): Promise<Bytes> {
  let [hash, at, last] = [leaf, index, size - 1]
  if (index >= size) throw new NotProven('The event is behind the end of the signed head.')
  const up = () => { at = Math.floor(at / 2); last = Math.floor(last / 2) }
  for (const beside of path) {
    if (last === 0) throw new NotProven('The path is too long.')
    if (at % 2 === 1 || at === last) {
      hash = await hashOf(NODE, beside, hash)
      while (at % 2 === 0 && at !== 0) up()
    } else hash = await hashOf(NODE, hash, beside)
    up()
  }
  if (last !== 0) throw new NotProven('The path is too short.')
  return hash
}

/** Whether a key of a log signed a note; null where this browser knows no Ed25519. */
async function isSigned(body: string, signatures: string, vkey: string): Promise<boolean | null> {
  // Base 64 has a plus of its own.
  const [, name = '', encoded = ''] = /^([^+]*)\+[^+]*\+(.*)$/.exec(vkey) ?? []
  const typed = fromBase64(encoded)
  if (typed[0] !== ED25519) return null
  const key = typed.slice(1)
  const id = hex((await hashOf(utf8(`${name}\n`), typed)).slice(0, KEY_ID_BYTES))
  for (const line of signatures.split('\n')) {
    if (!line.startsWith(`${SIGNATURE_MARK}${name} `)) continue
    const signed = fromBase64(line.slice(line.lastIndexOf(' ') + 1))
    if (hex(signed.slice(0, KEY_ID_BYTES)) !== id) continue
    let imported: CryptoKey
    try {
      imported = await crypto.subtle.importKey('raw', key, 'Ed25519', false, ['verify'])
    } catch {
      return null
    }
    return crypto.subtle.verify('Ed25519', imported, signed.slice(KEY_ID_BYTES), utf8(body))
  }
  return false
}

/** Checks that a receipt proves an event under a head that the key signed; throws `NotProven` with the reason if not. */
export async function checkProof(event: string, receipt: Receipt, vkey: string): Promise<ProofCheck> {
  const { id } = JSON.parse(receipt.envelope) as { id: string }
  if (id !== event) throw new NotProven('The receipt is of another event.')
  const end = receipt.checkpoint.lastIndexOf('\n\n')
  const body = receipt.checkpoint.slice(0, end + 1)
  const [origin, digits, encodedRoot] = body.split('\n')
  const size = Number(digits)
  if (end < 0 || !encodedRoot || !Number.isSafeInteger(size)) throw new NotProven('The signed head cannot be read.')
  const name = vkey.split('+')[0]!
  if (origin !== name) throw new NotProven('The signed head is of another log.')
  const leaf = await hashOf(LEAF, utf8(receipt.envelope), utf8(receipt.links))
  const root = hex(await rootOf(leaf, receipt.index, size, receipt.path.map(fromHex)))
  if (root !== hex(fromBase64(encodedRoot))) throw new NotProven('The path does not lead to the root of the signed head.')
  const signed = await isSigned(body, receipt.checkpoint.slice(end + 2), vkey)
  if (signed === false) throw new NotProven('The head is not signed by the key of the log.')
  return { size, root, signer: signed === null ? null : name }
}
