// The address bar as state: real paths of the history API, so that every screen can be linked to and Back returns.

class Router {
  path = $state(location.pathname)
  search = $state(location.search)
  /** Whether the last change came by Back or Forward. */
  restored = false
  /** Counts the changes of the path; zero for the address that the page was opened with. */
  visits = 0
  readonly query = $derived(new URLSearchParams(this.search))

  constructor() {
    addEventListener('popstate', () => this.read(true))
  }

  navigate(address: string, { replace = false } = {}) {
    const to = new URL(address, location.href)
    if (to.pathname === location.pathname && to.search === location.search) return
    if (replace) history.replaceState(null, '', to)
    else history.pushState(null, '', to)
    this.read(false)
  }

  private read(restored: boolean) {
    this.restored = restored
    if (location.pathname !== this.path) this.visits++
    this.path = location.pathname
    this.search = location.search
  }
}

export const router = new Router()

/** Whether the page shows the past: then it says so, and no command can be given (SAFE-15). */
export const isReplay = (): boolean => /^\/trips\/[^/]+\/replay$/.test(router.path)

/** The parts of a path: `/trips/trip_1` has `trips` and `trip_1`. */
export function partsOf(path: string): string[] {
  return path.split('/').filter(Boolean)
}

/** Follows a link of this page without loading it again; what opens another tab, or a file, is left to the browser. */
export function followLink(event: MouseEvent) {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
  const link = event.target instanceof Element ? event.target.closest('a') : null
  if (!link || link.target || link.hasAttribute('download') || link.origin !== location.origin) return
  if (/^\/(v1|docs)\//.test(link.pathname) || (link.hash && link.pathname === location.pathname)) return
  event.preventDefault()
  router.navigate(link.pathname + link.search)
}
