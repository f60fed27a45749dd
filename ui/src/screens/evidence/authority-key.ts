// The key by which a person of an authority signs what they decide: made here, kept by this browser, and never taken out of
// it. Only its public half is sent.

const DATABASE = 'atlasmesh'
const STORE = 'authority-keys'
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' } as const

/** Browsers have keys only for pages that nobody could have changed on the way. */
export const canSign = () => globalThis.crypto?.subtle !== undefined && globalThis.indexedDB !== undefined

function result<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error ?? new Error('the browser keeps nothing'))
  })
}

async function store(mode: IDBTransactionMode): Promise<IDBObjectStore> {
  const opening = indexedDB.open(DATABASE, 1)
  opening.onupgradeneeded = () => { opening.result.createObjectStore(STORE) }
  return (await result(opening)).transaction(STORE, mode).objectStore(STORE)
}

const base64 = (bytes: ArrayBuffer) => btoa(String.fromCharCode(...new Uint8Array(bytes)))

/** The public half as SubjectPublicKeyInfo in base 64, and the SHA-256 of its DER in hexadecimal. */
async function told({ publicKey }: CryptoKeyPair) {
  const der = await crypto.subtle.exportKey('spki', publicKey)
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', der))
  return { spki: base64(der), fingerprint: Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('') }
}

async function pairOf(person: string): Promise<CryptoKeyPair | undefined> {
  return result((await store('readonly')).get(person)) as Promise<CryptoKeyPair | undefined>
}

/** The key of a person in this browser, where it has one. */
export async function knownKey(person: string) {
  const pair = await pairOf(person)
  return pair ? told(pair) : null
}

/** Makes a key for a person, in place of the one that this browser had; it is kept once `register` has told the server. */
export async function makeKey(person: string, register: (spki: string) => Promise<unknown>) {
  const pair = await crypto.subtle.generateKey(ALGORITHM, false, ['sign', 'verify'])
  await register((await told(pair)).spki)
  await result((await store('readwrite')).put(pair, person))
}

/** The signature of a person's key over a text: 64 bytes in base 64. */
export async function signText(person: string, text: string): Promise<string> {
  const pair = await pairOf(person)
  if (!pair) throw new Error('This browser has no key of yours: make one first')
  return base64(await crypto.subtle.sign(SIGNING, pair.privateKey, new TextEncoder().encode(text)))
}
