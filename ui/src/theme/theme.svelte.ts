// The colour theme: the system's, unless the user chose another. The map reads its colours from the same CSS variables.
export type ThemeChoice = 'system' | 'light' | 'dark'
const KEY = 'atlasmesh.theme'

class Theme {
  choice = $state<ThemeChoice>('system')
  private system = matchMedia('(prefers-color-scheme: dark)')
  private systemDark = $state(this.system.matches)
  readonly dark = $derived(this.choice === 'system' ? this.systemDark : this.choice === 'dark')

  constructor() {
    const stored = localStorage.getItem(KEY)
    if (stored === 'light' || stored === 'dark') this.choice = stored
    this.system.addEventListener('change', ({ matches }) => { this.systemDark = matches })
  }

  /** Switches the theme; the system's own theme is chosen as such, so that it follows the system again. */
  toggle() {
    const dark = !this.dark
    this.choose(dark === this.systemDark ? 'system' : dark ? 'dark' : 'light')
  }

  choose(choice: ThemeChoice) {
    this.choice = choice
    if (this.choice === 'system') localStorage.removeItem(KEY)
    else localStorage.setItem(KEY, this.choice)
  }
}

export const theme = new Theme()

/** The current value of a CSS variable of `tokens.css`. */
export function cssVariable(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
}
