// Light or dark: as the system has it, unless a person chose. The map is drawn from the same tokens and is told.
type Choice = 'system' | 'light' | 'dark'
const KEY = 'atlasmesh.theme'

class Theme {
  choice = $state<Choice>('system')
  private system = matchMedia('(prefers-color-scheme: dark)')
  private systemDark = $state(this.system.matches)
  readonly dark = $derived(this.choice === 'system' ? this.systemDark : this.choice === 'dark')

  constructor() {
    const kept = localStorage.getItem(KEY)
    if (kept === 'light' || kept === 'dark') this.choice = kept
    this.system.addEventListener('change', ({ matches }) => { this.systemDark = matches })
  }

  /** The other one; back to the system's where that is what it has anyway. */
  flip() {
    const dark = !this.dark
    this.choice = dark === this.systemDark ? 'system' : dark ? 'dark' : 'light'
    if (this.choice === 'system') localStorage.removeItem(KEY)
    else localStorage.setItem(KEY, this.choice)
  }
}

export const theme = new Theme()

/** The value of a token now. */
export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
}
