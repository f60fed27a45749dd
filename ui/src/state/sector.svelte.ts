// The sector of whoever is signed in: its words, units, colours, and the parts of the page that it shows. It is read after
// sign-in and again once any answer of the server names another generation. Without one the page is the product's own.
import { type Client, Unreachable } from '../api/client'
import { type Measure, type SectorInForce, type NounName, sectorCalls } from '../api/sector'
import { formatIn, IMPERIAL, PLAIN_UNITS } from './units'
import { preferences } from './preferences.svelte'
import { PLAIN, sentence } from './words'

/** The parts of the page, and the layers of its map, that there are without a sector. */
const PLAIN_MODULES = new Set(['map', 'trips', 'fleet', 'evidence'])
const PLAIN_LAYERS = new Set(['roads', 'zones', 'closures', 'vehicles'])
const NO_TERMS = { nouns: {}, verbs: {} }

class Sector {
  /** What the server said last; null before, and for those who may not ask. */
  current = $state.raw<SectorInForce | null>(null)
  /** That of `current`, where it is activated. */
  readonly active = $derived(this.current?.active ? this.current : null)
  private readonly modules = $derived(this.active ? new Set(this.active.ui.modules) : PLAIN_MODULES)
  private readonly layers = $derived(this.active ? new Set(this.active.ui.map_layers) : PLAIN_LAYERS)
  private client: Client | null = null
  private reading: Promise<void> | null = null
  /** The generation that an answer named last, and that which was read because of it. */
  private named: number | null = null
  private tried: number | null = null

  readonly banner = $derived(this.active?.ui.banner ?? null)
  readonly logo = $derived(this.active?.logo ?? '')

  /** A sentence with the sector's words: `{trip.One} not found`. */
  say(text: string): string {
    return sentence(this.active?.terms ?? NO_TERMS, text)
  }

  word(name: NounName): { one: string; many: string } {
    return this.active?.terms.nouns[name] ?? PLAIN.nouns[name]
  }

  moduleOn(name: string): boolean {
    return this.modules.has(name)
  }

  layerOn(name: string): boolean {
    return this.layers.has(name)
  }

  /** A person who chose miles reads them whatever the sector writes. */
  unit(measure: Measure): string {
    return (preferences.units === 'imperial' ? IMPERIAL[measure] : undefined) ?? this.active?.ui.units[measure] ?? PLAIN_UNITS[measure]
  }

  /** A value of the API in the sector's unit. */
  format(measure: Measure, value: number): string {
    return formatIn(value, this.unit(measure))
  }

  /** Begins anew for a session; resolves once the sector is known, or cannot be. */
  async begin(client: Client, allowed: boolean) {
    if (this.client) this.client.onSector = null
    this.named = this.tried = null
    if (!allowed) return this.end()
    // Another role of the same person keeps the words until the answer is there.
    this.client = client
    client.onSector = (header) => { if (client === this.client) this.noticed(header) }
    this.reading = null
    await this.read()
  }

  end() {
    if (this.client) this.client.onSector = null
    this.client = null
    this.current = null
    this.named = this.tried = null
  }

  /** What an activation or a roll-back answered. */
  changed(sector: SectorInForce) {
    if (this.client && sector.generation >= (this.current?.generation ?? 0)) this.current = sector
  }

  read(): Promise<void> {
    if (this.reading) return this.reading
    const reading = this.ask().finally(() => { if (this.reading === reading) this.reading = null })
    return (this.reading = reading)
  }

  private async ask() {
    const { client } = this
    if (!client) return
    try {
      const found = await sectorCalls(client).sector()
      if (client === this.client) this.current = found
    } catch (error) {
      if (error instanceof Unreachable) this.tried = null
    }
  }

  private noticed(header: string) {
    const generation = Number(/generation=(\d+)/.exec(header)?.[1] ?? Number.NaN)
    if (Number.isNaN(generation)) return
    this.named = generation
    void this.follow()
  }

  /** Reads each generation once, however many answers name it. */
  private async follow() {
    if (this.reading) return void this.reading.then(() => this.follow())
    if (this.named === null || this.named === this.current?.generation || this.named === this.tried) return
    this.tried = this.named
    await this.read()
  }
}

export const sector = new Sector()

/** A sentence with the words of the sector that is in force: `say('New {trip.one}')`. */
export const say = (text: string): string => sector.say(text)
/** Whether a part of the page is shown, such as `blast-clock`. */
export const moduleOn = (name: string): boolean => sector.moduleOn(name)
/** Whether a layer of the map is shown, such as `blast-zones`. */
export const layerOn = (name: string): boolean => sector.layerOn(name)
