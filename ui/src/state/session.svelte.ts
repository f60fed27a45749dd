// Who is signed in. A person has a session in a cookie that this page cannot read. A program, or a person without a
// password, has an access token: it may come in the URL's fragment, which browsers send to no server and which is removed
// from the address bar at once, and it is kept in `sessionStorage` only, until the tab closes.
import { type Accounts, type Identity, type Operation, accounts } from '../api/accounts'
import { Client, Problem } from '../api/client'
import { Fleet } from '../live/fleet.svelte'
import { People } from '../live/people.svelte'
import { retryDelay } from '../live/feed'
import { sector } from './sector.svelte'

const TOKEN_KEY = 'atlasmesh.token'
export const TENANT_KEY = 'atlasmesh.tenant'
/** The server knows to the minute when a session was used. */
const END_SLACK_MS = 60_000
/** The longest that a browser's timer is set to. */
const TIMER_MAX_MS = 86_400_000
/** The page does not wait for the sector longer than this. */
const SECTOR_WAIT_MS = 3_000
const UNKNOWN_TOKEN = 'The server does not know this token: it was mistyped, it has expired, or it was revoked.'

class Session {
  /** `restoring` until the server has said who this is. */
  state = $state<'restoring' | 'signed-out' | 'signed-in'>('restoring')
  identity = $state.raw<Identity | null>(null)
  fleet = $state.raw<Fleet | null>(null)
  /** Why there is no session, for the page that signs in. */
  notice = $state<string | null>(null)
  private people = $state.raw<People | null>(null)
  private allowed = $derived(new Set(this.identity?.may ?? []))
  private client = new Client(null, () => {})
  private endTimer: ReturnType<typeof setTimeout> | undefined

  /** Whether this is the session of a cookie, and not of an access token. */
  get byPassword(): boolean {
    return this.identity !== null && this.client.token === null
  }

  get accounts(): Accounts {
    return accounts(this.client)
  }

  may(operation: Operation): boolean {
    return this.allowed.has(operation)
  }

  /** The name of a person or a program, of whom the journal has the id. */
  nameOf(principal: string): string {
    return this.people?.nameOf(principal) ?? principal
  }

  /** Signs in by the token of the address, by that of this tab, or by the browser's cookie. */
  async restore() {
    const fromUrl = new URLSearchParams(location.hash.slice(1)).get('token')
    if (fromUrl) history.replaceState(null, '', location.pathname + location.search)
    const token = fromUrl ?? sessionStorage.getItem(TOKEN_KEY)
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.begin(token)
      } catch (error) {
        if (error instanceof Problem) return this.end(error.status === 401 ? (token ? UNKNOWN_TOKEN : null) : error.body.detail)
        this.notice = 'The server does not answer. Trying again.'
        await new Promise((resolve) => setTimeout(resolve, retryDelay(attempt)))
      }
    }
  }

  async signInWithToken(token: string) {
    try {
      await this.begin(token)
    } catch (error) {
      sessionStorage.removeItem(TOKEN_KEY)
      throw error instanceof Problem && error.status === 401 ? new Error(UNKNOWN_TOKEN) : error
    }
  }

  async signIn(tenant: string, email: string, password: string) {
    await accounts(new Client(null, () => {})).signIn(tenant, email, password)
    localStorage.setItem(TENANT_KEY, tenant)
    await this.begin(null)
  }

  async acceptInvitation(tenant: string, code: string, password: string) {
    await accounts(new Client(null, () => {})).acceptInvitation(tenant, code, password)
    localStorage.setItem(TENANT_KEY, tenant)
    await this.begin(null)
  }

  async switchRole(role: string) {
    await this.accounts.switchRole(role)
    await this.begin(null)
  }

  async signOut() {
    // A token is only forgotten: whoever has it may use it elsewhere.
    if (this.client.token === null) await this.accounts.signOut().catch(() => undefined)
    this.end(null)
  }

  /** Asks who this is, and begins to read the fleet as far as that person may. */
  private async begin(token: string | null) {
    const client: Client = new Client(token, () => { if (client === this.client) this.end(token === null ? 'Your session ended. Sign in to go on where you were.' : UNKNOWN_TOKEN) })
    const identity = await accounts(new Client(token, () => {})).session()
    if (token === null) sessionStorage.removeItem(TOKEN_KEY)
    else sessionStorage.setItem(TOKEN_KEY, token)
    this.client = client
    const allowed = new Set<string>(identity.may)
    // The first thing to be seen is in the sector's words and colours.
    await Promise.race([sector.begin(client, allowed.has('get_v1_sector')), new Promise((resolve) => setTimeout(resolve, SECTOR_WAIT_MS))])
    if (client !== this.client) return
    this.fleet?.stop()
    this.identity = identity
    this.people = new People(accounts(client))
    this.fleet = new Fleet(client, (operation) => allowed.has(operation))
    this.fleet.start()
    this.notice = null
    this.state = 'signed-in'
    this.watchEnd(client, identity)
  }

  /**
   * A stream may outlast a session that ended by time: the server is asked once it must be over, and not before, because
   * a session that is asked about is used, and lasts longer for it.
   */
  private watchEnd(client: Client, { expires_at }: Identity) {
    clearTimeout(this.endTimer)
    if (expires_at === null) return
    const began = client.usedAt
    const check = async () => {
      if (client !== this.client) return
      const lengthened = client.token === null ? client.usedAt - began : 0
      const remaining = Date.parse(expires_at) + lengthened + END_SLACK_MS - client.now()
      if (remaining > 0) this.endTimer = setTimeout(check, Math.min(remaining, TIMER_MAX_MS))
      else {
        const identity = await this.accounts.session().catch(() => null)
        if (identity) this.watchEnd(client, identity)
        else if (client === this.client) this.endTimer = setTimeout(check, END_SLACK_MS)
      }
    }
    void check()
  }

  private end(notice: string | null) {
    clearTimeout(this.endTimer)
    this.fleet?.stop()
    this.fleet = null
    sector.end()
    this.identity = null
    this.people = null
    this.client = new Client(null, () => {})
    sessionStorage.removeItem(TOKEN_KEY)
    this.notice = notice
    this.state = 'signed-out'
  }
}

export const session = new Session()
