// The colours of a sector as values of the tokens in `tokens.css`: what the sector does not name is mixed from what it does.
// They are plain hexadecimal, because the map and the vehicles' shader read the same tokens.
import type { Colours } from '../api/sector'

type Rgb = [number, number, number]

const ROLES = ['background', 'surface', 'text', 'muted', 'accent', 'on_accent', 'danger', 'on_danger', 'warning', 'on_warning'] as const
/** What text needs against what is behind it, by WCAG 2.2 AA with a little to spare. */
const CONTRAST = 4.6

const rgb = (hex: string): Rgb => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)) as Rgb
const hex = (colour: Rgb): string => `#${colour.map((part) => Math.round(part).toString(16).padStart(2, '0')).join('')}`

/** A colour with a share of another in it. */
export function mix(colour: string, other: string, share: number): string {
  const [from, to] = [rgb(colour), rgb(other)]
  return hex(from.map((part, n) => part + (to[n]! - part) * share) as Rgb)
}

function luminance(colour: string): number {
  const [r, g, b] = rgb(colour).map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4)) as Rgb
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

export function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number]
  return (light + 0.05) / (dark + 0.05)
}

/** The colour, with as much of the text's in it as it needs to be read on each of these. */
function readable(colour: string, text: string, on: string[]): string {
  for (let share = 0; share < 1; share += 0.05) {
    const mixed = mix(colour, text, share)
    if (on.every((behind) => contrast(mixed, behind) >= CONTRAST)) return mixed
  }
  return text
}

/** The tokens of a theme by name, or none where a colour is missing or is no colour. */
export function tokensOf(colours: Colours | undefined): Record<string, string> {
  if (!colours || !ROLES.every((role) => /^#[0-9a-f]{6}$/i.test(colours[role] ?? ''))) return {}
  const { background, surface, text, muted, accent, on_accent, danger, on_danger, warning } = colours as Record<(typeof ROLES)[number], string>
  const dark = luminance(surface) < 0.2
  const blend = (other: string, share: number) => mix(surface, other, share)
  const [inset, hover, selected] = [dark ? mix(surface, background, 0.6) : blend(text, 0.045), blend(accent, 0.08), blend(accent, dark ? 0.2 : 0.14)]
  const [critical, serious] = [blend(danger, dark ? 0.16 : 0.08), blend(warning, dark ? 0.14 : 0.18)]
  const quiet = readable(muted, text, [surface, background, inset, hover, selected])
  return {
    background, panel: surface, 'panel-2': mix(surface, background, 0.5),
    inset, hover, selected, line: blend(text, 0.12), 'line-strong': blend(text, 0.3), text, 'text-2': quiet, 'text-3': quiet,
    accent: readable(accent, text, [surface, background, inset, hover]), 'accent-text': contrast(accent, on_accent) >= CONTRAST ? on_accent : background,
    critical: readable(danger, text, [surface, background, critical, hover]), 'critical-background': critical,
    serious: readable(warning, text, [surface, background, serious, hover]), 'serious-background': serious,
    danger, 'danger-text': on_danger,
    'state-stopped': danger,
    'map-background': dark ? background : blend(text, 0.05), 'map-halo': dark ? background : surface, 'map-text': quiet,
    ...(dark
      ? { 'map-road': blend(text, 0.16), 'map-road-minor': blend(text, 0.1), 'map-road-major': blend(text, 0.22), 'map-road-trunk': mix(blend(text, 0.22), accent, 0.14), 'map-edge': mix(background, surface, 0.5), 'map-edge-major': mix(background, surface, 0.5), 'map-vehicle-edge': background }
      : { 'map-road': background, 'map-road-minor': mix(background, surface, 0.5), 'map-road-major': background, 'map-road-trunk': mix(background, accent, 0.14), 'map-edge': blend(text, 0.16), 'map-edge-major': blend(text, 0.24), 'map-vehicle-edge': background }),
    'map-select': text,
  }
}

let applied: string[] = []

/** Puts the tokens of a sector in force, in place of those before. */
export function applyTokens(tokens: Record<string, string>) {
  const { style } = document.documentElement
  for (const name of applied) style.removeProperty(`--${name}`)
  applied = Object.keys(tokens)
  for (const [name, value] of Object.entries(tokens)) style.setProperty(`--${name}`, value)
}
