// Who is signed in: the token of this tab. It comes in the address' fragment, which no server ever sees, and leaves the
// address bar at once; it is kept for the tab's life and written nowhere else.
import { Client } from '../api/client'
import { Fleet } from '../live/fleet.svelte'

const KEY = 'atlasmesh.token'

class Session {
  fleet = $state.raw<Fleet | null>(null)
  /** Why the last token was not taken. */
  refused = $state<string | null>(null)

  begin() {
    const given = new URLSearchParams(location.hash.slice(1)).get('token')
    if (given) history.replaceState(null, '', location.pathname + location.search)
    const token = given ?? sessionStorage.getItem(KEY)
    if (token) this.signIn(token)
  }

  signIn(token: string) {
    this.fleet?.stop()
    sessionStorage.setItem(KEY, token)
    this.refused = null
    const client = new Client(token, () => this.refuse())
    this.fleet = new Fleet(client)
    this.fleet.start()
  }

  signOut() {
    this.fleet?.stop()
    this.fleet = null
    sessionStorage.removeItem(KEY)
    history.replaceState(null, '', location.pathname)
  }

  private refuse() {
    this.signOut()
    this.refused = 'The server does not know this token: it was mistyped, or it was taken back.'
  }
}

export const session = new Session()
