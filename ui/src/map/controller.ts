// The map as an object: made once, fed by the panels' state, telling back what was clicked. All that knows MapLibre is
// in this folder, so that the rest of the page speaks of places and vehicles only.
import type { Feature, FeatureCollection } from 'geojson'
import { AttributionControl, type GeoJSONSource, Map as MapLibre, type MapMouseEvent, ScaleControl, setWorkerUrl } from 'maplibre-gl'
import worker from 'maplibre-gl/dist/maplibre-gl-worker.mjs?url'
import type { LatLon, Restriction, TileIndex } from '../api/types'
import type { Fleet } from '../live/fleet.svelte'
import { mercator, unmercator } from '../live/motion'
import { type Line, touches } from './geometry'
import { EMPTY, ROADS, hatch, noEntry, styleOf } from './style'
import { VehicleLayer } from './vehicles'

setWorkerUrl(worker)

/** How near to a vehicle a click means it, in pixels. */
const REACH_PX = 18

export interface MapEvents {
  /** A place was clicked; the vehicle there, if there is one. */
  click(at: LatLon, vehicle: string | null): void
  hover(vehicle: string | null): void
  move(at: LatLon | null): void
  finish(): void
  /** Before each frame: what is laid over the map moves with it. */
  frame(): void
  failed(message: string): void
}

type Padding = { top: number; right: number; bottom: number; left: number }

/** West, south, east and north of what the tiles cover; null where there are no roads. */
function boxOf({ bounds }: TileIndex): [number, number, number, number] | null {
  const [west, south, east, north] = bounds ?? []
  return west === undefined || south === undefined || east === undefined || north === undefined ? null : [west, south, east, north]
}

export class MapController {
  readonly map: MapLibre
  readonly vehicles: VehicleLayer
  private data = new Map<string, FeatureCollection>()
  private roads: { site: string; index: TileIndex } | null = null
  private ready = false
  private request = 0
  private gone = false

  constructor(container: HTMLElement, private readonly fleet: Fleet, private readonly events: MapEvents) {
    this.vehicles = new VehicleLayer(fleet.motion)
    this.map = new MapLibre({
      container,
      style: styleOf(null),
      center: [0, 0],
      zoom: 2,
      minZoom: 3,
      maxZoom: 19,
      maxPitch: 0,
      dragRotate: false,
      pitchWithRotate: false,
      attributionControl: false,
      doubleClickZoom: false,
      fadeDuration: 120,
      renderWorldCopies: false,
      transformRequest: (url) => ({ url, headers: fleet.client.headers() }),
    })
    this.map.touchZoomRotate.disableRotation()
    this.map.keyboard.disableRotation()
    this.map.addControl(new ScaleControl({ unit: 'metric', maxWidth: 90 }), 'bottom-right')
    this.map.addControl(new AttributionControl({ compact: false, customAttribution: 'Roads: the site’s map © OpenStreetMap contributors' }), 'bottom-right')
    this.map.on('style.load', () => this.dress())
    this.map.on('click', (event) => this.clicked(event))
    this.map.on('dblclick', () => this.events.finish())
    this.map.on('mousemove', (event) => this.hovered(event))
    this.map.on('mouseout', () => { this.events.hover(null); this.events.move(null) })
    this.map.on('error', ({ error }) => this.broke(error))
    this.map.getCanvas().setAttribute('aria-label', 'Map of the site with its vehicles')
    this.frames()
    this.answers()
  }

  destroy() {
    this.gone = true
    cancelAnimationFrame(this.request)
    this.map.remove()
  }

  /** For tests, which see a canvas and nothing on it. Answers only: an object of the page, the map too, leads to the token. */
  private answers() {
    const atlasmesh = {
      isDrawn: () => this.ready && Boolean(this.map.getSource(ROADS)) && this.map.isSourceLoaded(ROADS) && !this.map.isMoving(),
      pixel: (at: LatLon) => this.pixel(at),
      roads: () => this.lines(),
    }
    Object.assign(globalThis, { atlasmesh: Object.freeze(atlasmesh) })
  }

  /** Draws a frame whenever something moves, and only then; for whom motion is too much, once a second. */
  private frames() {
    const still = matchMedia('(prefers-reduced-motion: reduce)')
    const frame = () => {
      if (this.gone) return
      if (!still.matches && this.fleet.motion.moving()) this.map.triggerRepaint()
      this.events.frame()
      this.request = requestAnimationFrame(frame)
    }
    this.request = requestAnimationFrame(frame)
    // Without motion the map still shows, once a second, what has become stale.
    const slowly = setInterval(() => {
      if (this.gone) return clearInterval(slowly)
      this.map.triggerRepaint()
      this.shut()
    }, 1_000)
  }

  private broke(error: { name?: string; message: string; status?: number }) {
    // Lost tiles come again with the server; what says so is the banner.
    if (error.name === 'AbortError' || (error.status ?? 0) >= 400 || error.message.includes('fetch')) return
    this.events.failed(error.message)
  }

  /** Shows a site's roads. */
  show(site: string, index: TileIndex) {
    const moved = this.roads?.site !== site
    if (!moved && this.roads?.index.version === index.version) return
    this.roads = { site, index }
    this.restyle()
    if (moved) this.home(false)
  }

  /** Everything into sight: the vehicles where there are any, else the roads. */
  home(smoothly = true) {
    const places = [...this.fleet.motion.ids].flatMap((id) => this.fleet.motion.place(id) ?? []).reduce<number[][]>(
      (pairs, number, at) => (at % 2 ? pairs.at(-1)!.push(number) : pairs.push([number]), pairs), [])
    const corners = places.map(([x, y]) => unmercator(x!, y!))
    const bounds = this.roads && boxOf(this.roads.index)
    if (corners.length > 0) this.fit(corners, smoothly)
    else if (bounds) this.fit([{ lon: bounds[0], lat: bounds[1] }, { lon: bounds[2], lat: bounds[3] }], smoothly)
  }

  /** The theme changed, or the roads did: everything is painted anew. */
  restyle() {
    this.ready = false
    const roads = this.roads
    const at = new URL('/', location.href).href
    const bounds = roads && boxOf(roads.index)
    this.map.setStyle(styleOf(roads && {
      tiles: [`${at}v1/sites/${roads.site}/tiles/{z}/{x}/{y}.mvt?map=${roads.index.version.slice(0, 12)}`],
      maxzoom: Math.min(15, roads.index.maxzoom),
      ...(bounds ? { bounds } : {}),
    }), { diff: false })
  }

  private dress() {
    if (this.map.hasImage('hatch')) this.map.removeImage('hatch')
    this.map.addImage('hatch', hatch(), { pixelRatio: 2 })
    if (this.map.hasImage('no-entry')) this.map.removeImage('no-entry')
    this.map.addImage('no-entry', noEntry(), { pixelRatio: 2 })
    if (!this.map.getLayer('vehicles')) this.map.addLayer(this.vehicles)
    this.vehicles.repaint()
    this.ready = true
    for (const [source, data] of this.data) this.put(source, data)
  }

  private put(source: string, data: FeatureCollection) {
    this.data.set(source, data)
    if (this.ready) void (this.map.getSource(source) as GeoJSONSource | undefined)?.setData(data)
  }

  limits(restrictions: Restriction[]) {
    const features = restrictions.map((limit): Feature => ({
      type: 'Feature',
      properties: { id: limit.id, look: limit.type === 'closure' ? 'closure' : limit.kind, name: limit.type === 'closure' ? `Closed: ${limit.reason}` : limit.name },
      geometry: { type: 'Polygon', coordinates: [ring(limit.polygon)] },
    }))
    this.put('limits', { type: 'FeatureCollection', features })
    this.closures = restrictions.filter(({ type }) => type === 'closure')
    this.shut()
  }

  private closures: Restriction[] = []
  private shutFor = ''

  /** Marks the roads that closures shut, as far as the map holds them now; again whenever it holds others. */
  private shut() {
    const { lng, lat } = this.map.getCenter()
    const now = `${this.closures.map(({ id }) => id)}|${this.map.getZoom().toFixed(1)}|${lng.toFixed(2)}|${lat.toFixed(2)}|${this.map.areTilesLoaded()}`
    if (now === this.shutFor || !this.ready) return
    this.shutFor = now
    const lines = this.closures.length > 0 ? this.lines() : []
    const shut = lines.filter(({ points }) => this.closures.some(({ polygon }) => touches(polygon, points)))
    this.put('shut', collection(shut))
    const signs = this.closures.map(({ polygon }): Feature => ({ type: 'Feature', properties: {}, geometry: { type: 'Point', coordinates: pair(middle(polygon)) } }))
    this.put('signs', { type: 'FeatureCollection', features: signs })
  }

  route(parts: { part: 'approach' | 'trip'; points: LatLon[] }[]) {
    const features = parts.filter(({ points }) => points.length > 1).map(({ part, points }): Feature => ({
      type: 'Feature', properties: { part }, geometry: { type: 'LineString', coordinates: points.map(pair) },
    }))
    this.put('route', features.length > 0 ? { type: 'FeatureCollection', features } : EMPTY)
  }

  draft(corners: LatLon[], closed: boolean) {
    const points = corners.map((corner): Feature => ({ type: 'Feature', properties: {}, geometry: { type: 'Point', coordinates: pair(corner) } }))
    const shape: Feature[] = corners.length < 2 ? [] : [{
      type: 'Feature', properties: {},
      geometry: corners.length > 2 ? { type: 'Polygon', coordinates: [ring(corners)] } : { type: 'LineString', coordinates: corners.map(pair) },
    }]
    this.put('draft', { type: 'FeatureCollection', features: closed ? shape : [...shape, ...points] })
  }

  private touchedNow = ''

  /** Marks roads; asked for each second with what is mostly the same, which is not drawn again. */
  touched(lines: Line[]) {
    const now = lines.map(({ id, points }) => `${id}.${points.length}`).join()
    if (now === this.touchedNow) return
    this.touchedNow = now
    this.put('touched', collection(lines))
  }

  /** The roads that the map holds now around the view, each once. */
  lines(): Line[] {
    if (!this.roads || !this.map.getSource(ROADS)) return []
    return this.map.querySourceFeatures(ROADS, { sourceLayer: 'roads' }).flatMap(({ id, properties, geometry }) => {
      const parts = geometry.type === 'LineString' ? [geometry.coordinates] : geometry.type === 'MultiLineString' ? geometry.coordinates : []
      return parts.map((part) => ({
        id: Number(id), name: (properties['name'] as string | undefined) ?? null, class: String(properties['class']),
        points: part.map(([lon, lat]) => ({ lon: lon!, lat: lat! })),
      }))
    })
  }

  fit(places: LatLon[], smoothly = true) {
    const lats = places.map(({ lat }) => lat), lons = places.map(({ lon }) => lon)
    const bounds: [[number, number], [number, number]] = [[Math.min(...lons), Math.min(...lats)], [Math.max(...lons), Math.max(...lats)]]
    this.map.fitBounds(bounds, { padding: this.padding, maxZoom: 16, duration: smoothly ? 600 : 0 })
  }

  padding: Padding = { top: 60, right: 60, bottom: 60, left: 60 }

  goTo(at: LatLon, zoom?: number) {
    this.map.easeTo({ center: pair(at), padding: this.padding, duration: 500, ...(zoom ? { zoom: Math.max(this.map.getZoom(), zoom) } : {}) })
  }

  /** Keeps a vehicle in the middle. */
  keep(at: LatLon) {
    if (!this.map.isMoving()) this.map.easeTo({ center: pair(at), padding: this.padding, duration: 250, easing: (part) => part })
  }

  /** Where a place is on the screen, in pixels. */
  pixel(at: LatLon): { x: number; y: number } {
    const { x, y } = this.map.project(pair(at))
    return { x, y }
  }

  /** How many Mercator units a pixel is. */
  private unit(): number {
    return 1 / (512 * 2 ** this.map.getZoom())
  }

  private at(event: MapMouseEvent, reach = REACH_PX): string | null {
    const [x, y] = mercator(event.lngLat.lat, event.lngLat.lng)
    return this.fleet.motion.nearest(x, y, reach * this.unit())
  }

  private clicked(event: MapMouseEvent) {
    this.events.click({ lat: event.lngLat.lat, lon: event.lngLat.lng }, this.at(event))
  }

  private hovered(event: MapMouseEvent) {
    this.events.hover(this.at(event, 14))
    this.events.move({ lat: event.lngLat.lat, lon: event.lngLat.lng })
  }
}

function pair({ lat, lon }: LatLon): [number, number] {
  return [lon, lat]
}

function collection(lines: Line[]): FeatureCollection {
  const features = lines.map(({ points }): Feature => ({ type: 'Feature', properties: {}, geometry: { type: 'LineString', coordinates: points.map(pair) } }))
  return { type: 'FeatureCollection', features }
}

function middle(polygon: LatLon[]): LatLon {
  const sum = (of: (corner: LatLon) => number) => polygon.reduce((sum, corner) => sum + of(corner), 0) / polygon.length
  return { lat: sum(({ lat }) => lat), lon: sum(({ lon }) => lon) }
}

function ring(corners: LatLon[]): [number, number][] {
  return [...corners, ...corners.slice(0, 1)].map(pair)
}
