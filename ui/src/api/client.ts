// One way to the server: the token in a header, never in an address; problems as values with their code; the server's
// clock, so that ages are told by one clock only.
import createClient from 'openapi-fetch'
import type { paths } from './openapi'
import type { ProblemBody } from './types'

/** What the server refused, in its own words. */
export class Problem extends Error {
  constructor(readonly body: ProblemBody) {
    super(body.detail)
  }
  get status() {
    return this.body.status
  }
}

/** The server could not be reached, or what answered was not the server. */
export class Unreachable extends Error {}

/** A request that takes longer than this is given up; one that waits for news may take that much more. */
const LIMIT_MS = 15_000

export class Client {
  /** The server's clock minus ours, in milliseconds. */
  offsetMs = 0

  constructor(
    readonly token: string,
    private readonly onUnauthenticated: () => void,
  ) {}

  /** The server's time now, in milliseconds since 1970. */
  now(): number {
    return Date.now() + this.offsetMs
  }

  headers(): Record<string, string> {
    return { Authorization: `Bearer ${this.token}` }
  }

  /** The operations of the OpenAPI document, each with the types of its parameters, body and answer. */
  readonly operations = createClient<paths>({ fetch: (request) => this.send(request) })

  private async send(asked: Request): Promise<Response> {
    const headers = new Headers(asked.headers)
    headers.set('Authorization', `Bearer ${this.token}`)
    const waits_ms = Number(new URL(asked.url).searchParams.get('wait_ms') ?? 0)
    const signal = AbortSignal.any([asked.signal, AbortSignal.timeout(LIMIT_MS + waits_ms)])
    let response: Response
    try {
      response = await fetch(new Request(asked, { headers, signal, cache: 'no-store' }))
    } catch (error) {
      if (asked.signal.aborted) throw error
      throw new Unreachable('the server does not answer')
    }
    const date = Date.parse(response.headers.get('date') ?? '')
    // The header has whole seconds: half of one is the best guess, and only a real difference is worth a correction.
    if (!Number.isNaN(date)) {
      const offset = date + 500 - Date.now()
      this.offsetMs = Math.abs(offset) < 1500 ? 0 : offset
    }
    if (response.ok) return response
    throw await this.problem(response)
  }

  private async problem(response: Response): Promise<Error> {
    const body = (await response.json().catch(() => null)) as ProblemBody | null
    if (!body?.code) {
      // A proxy in between answers with its own words when nothing stands behind it.
      if (response.status >= 500) return new Unreachable(`the way to the server answers ${response.status}`)
      const detail = `the server answered ${response.status} without a reason`
      return new Problem({ type: '', title: 'Unexpected answer', status: response.status, code: 'UNEXPECTED', detail })
    }
    if (body.status === 401) this.onUnauthenticated()
    return new Problem(body)
  }
}

/** A key under which a request that is sent again is not done again. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
