// The HTTP client: it sends the session's cookie, or a token in a header and never in a URL, throws problem details with
// their code, and estimates the offset of the server's clock, so that ages do not depend on this computer's.
import createClient from 'openapi-fetch'
import type { paths } from './openapi'
import type { ProblemBody } from './types'

/** An error response of the server, with its RFC 9457 problem details. */
export class Problem extends Error {
  constructor(readonly body: ProblemBody) {
    super(body.detail)
  }
  get status() {
    return this.body.status
  }
}

/** The server could not be reached, or something else, such as a proxy, answered instead. */
export class Unreachable extends Error {}

/** JSON that is written already, where numbers are to stay as they were typed. */
export class JsonText {
  constructor(readonly text: string) {}
}

/** The timeout of a request; a long poll gets its `wait_ms` in addition. */
const TIMEOUT_MS = 15_000

export class Client {
  /** The server's clock minus this browser's, in milliseconds. */
  offsetMs = 0
  /** When the server last answered a request with success, by this browser's clock. */
  usedAt = Date.now()
  /** Told of the sector and its generation that an answer names. */
  onSector: ((header: string) => void) | null = null

  constructor(
    /** An access token; null for the session of this browser's cookie. */
    readonly token: string | null,
    private readonly onUnauthenticated: () => void,
  ) {}

  /** The server's time now, in milliseconds since 1970. */
  now(): number {
    return Date.now() + this.offsetMs
  }

  headers(): Record<string, string> {
    return this.token === null ? {} : { Authorization: `Bearer ${this.token}` }
  }

  /** The operations of the OpenAPI document, each with the types of its parameters, body and response. */
  readonly operations = createClient<paths>({ fetch: (request) => this.send(request) })

  /** A call that the OpenAPI document does not have yet, with the type of its answer said by the caller. */
  async json<T = unknown>(method: string, address: string, body?: unknown): Promise<T> {
    const content = body === undefined ? {} : { body: body instanceof JsonText ? body.text : JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }
    const response = await this.send(new Request(new URL(address, location.href), { method, ...content }))
    const text = await response.text()
    return (text === '' ? null : JSON.parse(text)) as T
  }

  /** A file of the server, whole. */
  async file(address: string): Promise<Blob> {
    return (await this.send(new Request(new URL(address, location.href)))).blob()
  }

  private async send(request: Request): Promise<Response> {
    const headers = new Headers(request.headers)
    for (const [name, value] of Object.entries(this.headers())) headers.set(name, value)
    const waitMs = Number(new URL(request.url).searchParams.get('wait_ms') ?? 0)
    const signal = AbortSignal.any([request.signal, AbortSignal.timeout(TIMEOUT_MS + waitMs)])
    let response: Response
    try {
      response = await fetch(new Request(request, { headers, signal, cache: 'no-store', credentials: 'same-origin' }))
    } catch (error) {
      if (request.signal.aborted) throw error
      throw new Unreachable('the server does not answer')
    }
    const date = Date.parse(response.headers.get('date') ?? '')
    // The header is cut to whole seconds, so half a second is the expected error; an offset below 1.5 s is ignored.
    if (!Number.isNaN(date)) {
      const offset = date + 500 - Date.now()
      this.offsetMs = Math.abs(offset) < 1500 ? 0 : offset
    }
    const sector = response.headers.get('atlasmesh-sector')
    if (sector !== null) this.onSector?.(sector)
    if (response.ok) {
      this.usedAt = Date.now()
      return response
    }
    throw await this.refusal(response)
  }

  /** What is thrown for an answer that is no success; without a valid session it ends that of the page. */
  async refusal(response: Response): Promise<Error> {
    if (response.status === 401) this.onUnauthenticated()
    const body = (await response.json().catch(() => null)) as ProblemBody | null
    if (!body?.code) {
      // A proxy answers without problem details when the server behind it is down.
      if (response.status >= 500) return new Unreachable(`the server cannot be reached: a proxy in between answered ${response.status}`)
      const detail = `the server answered ${response.status} without a reason`
      return new Problem({ type: '', title: 'Unexpected answer', status: response.status, code: 'UNEXPECTED', detail })
    }
    return new Problem(body)
  }
}

/** A new `Idempotency-Key`: a request that is repeated with the same key takes effect once. */
export function newIdempotencyKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
