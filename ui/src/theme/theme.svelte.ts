// The colour theme: the system's, unless the user chose another. The map reads its colours from the same CSS variables.
export type ThemeName = 'light' | 'dark' | 'night'
export type ThemeChoice = 'system' | ThemeName
const KEY = 'atlasmesh.theme'

export const THEMES: { choice: ThemeChoice; label: string }[] = [
  { choice: 'system', label: 'As the system' }, { choice: 'light', label: 'Light' }, { choice: 'dark', label: 'Dark' }, { choice: 'night', label: 'Night' },
]

class Theme {
  choice = $state<ThemeChoice>('system')
  private system = matchMedia('(prefers-color-scheme: dark)')
  private systemDark = $state(this.system.matches)
  readonly name: ThemeName = $derived(this.choice === 'system' ? (this.systemDark ? 'dark' : 'light') : this.choice)
  readonly dark = $derived(this.name !== 'light')

  constructor() {
    const stored = localStorage.getItem(KEY)
    if (stored === 'light' || stored === 'dark' || stored === 'night') this.choice = stored
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
