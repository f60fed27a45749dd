// The session of this tab. Its token may come in the URL's fragment, which browsers send to no server, and is removed
// from the address bar at once; it is kept in `sessionStorage` only, until the tab closes.
import { Client } from '../api/client'
import { Fleet } from '../live/fleet.svelte'

const KEY = 'atlasmesh.token'

class Session {
  fleet = $state.raw<Fleet | null>(null)
  /** Why the server rejected the last token. */
  error = $state<string | null>(null)

  restore() {
    const fromUrl = new URLSearchParams(location.hash.slice(1)).get('token')
    if (fromUrl) history.replaceState(null, '', location.pathname + location.search)
    const token = fromUrl ?? sessionStorage.getItem(KEY)
    if (token) this.signIn(token)
  }

  signIn(token: string) {
    this.fleet?.stop()
    sessionStorage.setItem(KEY, token)
    this.error = null
    const client = new Client(token, () => this.reject())
    this.fleet = new Fleet(client)
    this.fleet.start()
  }

  signOut() {
    this.fleet?.stop()
    this.fleet = null
    sessionStorage.removeItem(KEY)
    history.replaceState(null, '', location.pathname)
  }

  private reject() {
    this.signOut()
    this.error = 'The server does not know this token: it was mistyped, or it was taken back.'
  }
}

export const session = new Session()
