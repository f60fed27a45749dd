// A walk through the screens, for whoever sees the page for the first time: begun by the address (`#tour`) or from the menu of
// who is signed in. It goes on by itself until somebody pauses it or does something else.
import { visibleScreens } from '../screens'
import { router } from '../state/router.svelte'

/** How long a screen is shown before the next one. */
export const SHOWN_MS = 12_000

/** What is said of each screen, by its path; a screen without a text is passed over. */
const TEXTS: Record<string, string> = {
  '/operations': 'The fleet on its roads, as it is now. Choose a vehicle to see what it does and why, draw a closure, or stop one.',
  '/inbox': 'What waits for a person: vehicles that ask for help, commands that need a second person, alarms. Nothing else is here.',
  '/vehicles': 'Every vehicle with its identity, its holds and its health. A technician onboards a new one here, step by step.',
  '/trips': 'Every trip with its story: each step, the decision behind it, and the proof from the journal.',
  '/sector-work': 'The work that only this sector has, such as blasts of a mine or jobs of a yard.',
  '/updates': 'Releases go out in stages. A bad one is paused by itself, and every vehicle proves what it runs.',
  '/maintenance': 'What wears, how long it lasts by the model, and who repairs it when. What is unsafe is grounded.',
  '/security': 'From a suspicious sign to a contained vehicle and back: who was called, what was found, what was learned.',
  '/evidence': 'What happened, mapped to the clauses of regulations; bundles that a stranger can verify, and reports to authorities.',
  '/policies': 'The rules behind every decision. Write one, try it on what happened, and put it in force by two people.',
  '/sector': 'What your subscription and your sector give: words, rules, features and flags, in force together or not at all.',
  '/settings': 'People, programs and roles; your own colours, units and time zone.',
}

/** Whether the address asked for the tour; read before whoever signs in takes the token out of it. */
let asked = new URLSearchParams(location.hash.slice(1)).has('tour')

class Tour {
  /** Which stop is shown; null while nobody takes the tour. */
  at = $state<number | null>(null)
  paused = $state(false)

  get stops() {
    return visibleScreens().flatMap(({ path, label }) => (TEXTS[path] ? [{ path, label, text: TEXTS[path] }] : []))
  }

  /** Begins it once, where the address asked for it. */
  beginIfAsked() {
    if (asked) this.begin()
    asked = false
  }

  begin() {
    // Nothing moves by itself for those who asked their system for that.
    this.paused = matchMedia('(prefers-reduced-motion: reduce)').matches
    this.go(0)
  }

  go(to: number) {
    const stop = this.stops[to]
    this.at = stop ? to : null
    if (stop) router.navigate(stop.path)
  }

  end() {
    this.at = null
  }
}

export const tour = new Tour()
