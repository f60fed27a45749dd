// Wraps the MapLibre map: it is created once, shows the panels' state and reports clicks. Only this folder imports
// MapLibre, so that the rest of the page handles coordinates and vehicles only.
import type { Feature, FeatureCollection } from 'geojson'
import { AttributionControl, type GeoJSONSource, Map as MapLibre, type MapMouseEvent, ScaleControl, setWorkerUrl } from 'maplibre-gl'
import worker from 'maplibre-gl/dist/maplibre-gl-worker.mjs?url'
import type { LatLon, Restriction, TileIndex } from '../api/types'
import { restrictionName } from './restrictions'
import type { Fleet } from '../live/fleet.svelte'
import { fromMercator, toMercator } from '../live/motion'
import { preferences } from '../state/preferences.svelte'
import { say } from '../state/sector.svelte'
import { intersects, type RoadSegment } from './geometry'
import type { LayerShape } from './layers.svelte'
import { EMPTY, ROADS, hatchPattern, mapStyle, noEntryIcon } from './style'
import { VehicleLayer } from './vehicle-layer'

setWorkerUrl(worker)

/** A click or the pointer within this distance of a vehicle selects or highlights it, in pixels. */
const CLICK_TOLERANCE_PX = 18
const HOVER_TOLERANCE_PX = 14

export interface MapListener {
  onClick(at: LatLon, vehicle: string | null): void
  onHover(vehicle: string | null): void
  onPointerMove(at: LatLon | null): void
  onDoubleClick(): void
  /** Before each frame, to position HTML over the map. */
  onFrame(): void
  onError(message: string): void
}

type Padding = { top: number; right: number; bottom: number; left: number }

/** West, south, east and north of the tiles; null if they contain no roads. */
function boundsOf({ bounds }: TileIndex): [number, number, number, number] | null {
  const [west, south, east, north] = bounds ?? []
  return west === undefined || south === undefined || east === undefined || north === undefined ? null : [west, south, east, north]
}

export class MapController {
  readonly map: MapLibre
  readonly vehicles: VehicleLayer
  private sources = new Map<string, FeatureCollection>()
  private tiles: { site: string; index: TileIndex } | null = null
  private styleLoaded = false
  private frameRequest = 0
  private destroyed = false

  constructor(container: HTMLElement, private readonly fleet: Pick<Fleet, 'client' | 'motion'>, private readonly listener: MapListener) {
    this.vehicles = new VehicleLayer(fleet.motion)
    this.map = new MapLibre({
      container,
      style: mapStyle(null),
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
      transformRequest: (url) => ({ url, headers: fleet.client.headers(), credentials: 'same-origin' }),
    })
    this.map.touchZoomRotate.disableRotation()
    this.map.keyboard.disableRotation()
    this.map.addControl(new ScaleControl({ unit: preferences.units, maxWidth: 90 }), 'bottom-right')
    this.map.addControl(new AttributionControl({ compact: false, customAttribution: say('Roads: map of the {site.one} © OpenStreetMap contributors') }), 'bottom-right')
    this.map.on('style.load', () => this.onStyleLoad())
    this.map.on('click', (event) => this.onClick(event))
    this.map.on('dblclick', () => this.listener.onDoubleClick())
    this.map.on('mousemove', (event) => this.onPointerMove(event))
    this.map.on('mouseout', () => { this.listener.onHover(null); this.listener.onPointerMove(null) })
    this.map.on('error', ({ error }) => this.onError(error))
    this.map.getCanvas().setAttribute('aria-label', say('Map of the {site.one} with its {vehicle.many}'))
    this.startFrames()
    this.exposeTestApi()
  }

  destroy() {
    this.destroyed = true
    cancelAnimationFrame(this.frameRequest)
    this.map.remove()
  }

  /** For tests, which cannot look into the canvas. It exposes functions only: any object of the page could leak the token. */
  private exposeTestApi() {
    const api = {
      isDrawn: () => this.styleLoaded && Boolean(this.map.getSource(ROADS)) && this.map.isSourceLoaded(ROADS) && !this.map.isMoving(),
      pixel: (at: LatLon) => {
        const { left, top } = this.map.getContainer().getBoundingClientRect()
        const { x, y } = this.project(at)
        return { x: x + left, y: y + top }
      },
      roads: () => this.roadSegments(),
    }
    Object.assign(globalThis, { atlasmesh: Object.freeze(api) })
  }

  /** Repaints while vehicles move; with reduced motion once a second. */
  private startFrames() {
    const reducedMotion = matchMedia('(prefers-reduced-motion: reduce)')
    const frame = () => {
      if (this.destroyed) return
      if (!reducedMotion.matches && this.fleet.motion.isMoving()) this.map.triggerRepaint()
      this.listener.onFrame()
      this.frameRequest = requestAnimationFrame(frame)
    }
    this.frameRequest = requestAnimationFrame(frame)
    // Positions become stale, and tiles load, also while nothing moves.
    const interval = setInterval(() => {
      if (this.destroyed) return clearInterval(interval)
      this.map.triggerRepaint()
      this.updateClosedRoads()
    }, 1_000)
  }

  private onError(error: { name?: string; message: string; status?: number }) {
    // Failed tile requests are not reported here, because the banner already shows a lost connection.
    if (error.name === 'AbortError' || (error.status ?? 0) >= 400 || error.message.includes('fetch')) return
    this.listener.onError(error.message)
  }

  showRoads(site: string, index: TileIndex) {
    const siteChanged = this.tiles?.site !== site
    if (!siteChanged && this.tiles?.index.version === index.version) return
    this.tiles = { site, index }
    this.updateStyle()
    if (siteChanged) this.fitAll(false)
  }

  /** Fits the view to the vehicles or, without any, to the roads. */
  fitAll(animate = true) {
    const vehicles = this.fleet.motion.ids.flatMap((id) => {
      const position = this.fleet.motion.position(id)
      return position ? [fromMercator(...position)] : []
    })
    const bounds = this.tiles && boundsOf(this.tiles.index)
    if (vehicles.length > 0) this.fit(vehicles, animate)
    else if (bounds) this.fit([{ lon: bounds[0], lat: bounds[1] }, { lon: bounds[2], lat: bounds[3] }], animate)
  }

  /** Builds the style again after the theme or the tiles changed. */
  updateStyle() {
    this.styleLoaded = false
    const { tiles } = this
    const base = new URL('/', location.href).href
    const bounds = tiles && boundsOf(tiles.index)
    this.map.setStyle(mapStyle(tiles && {
      tiles: [`${base}v1/sites/${tiles.site}/tiles/{z}/{x}/{y}.mvt?map=${tiles.index.version.slice(0, 12)}`],
      maxzoom: Math.min(15, tiles.index.maxzoom),
      ...(bounds ? { bounds } : {}),
    }), { diff: false })
  }

  private onStyleLoad() {
    if (this.map.hasImage('hatch')) this.map.removeImage('hatch')
    this.map.addImage('hatch', hatchPattern(), { pixelRatio: 2 })
    if (this.map.hasImage('no-entry')) this.map.removeImage('no-entry')
    this.map.addImage('no-entry', noEntryIcon(), { pixelRatio: 2 })
    if (!this.map.getLayer('vehicles')) this.map.addLayer(this.vehicles)
    this.vehicles.updateColours()
    this.styleLoaded = true
    for (const [source, data] of this.sources) this.setSource(source, data)
  }

  private setSource(source: string, data: FeatureCollection) {
    this.sources.set(source, data)
    if (this.styleLoaded) void (this.map.getSource(source) as GeoJSONSource | undefined)?.setData(data)
  }

  showRestrictions(restrictions: Restriction[]) {
    const features = restrictions.map((restriction): Feature => ({
      type: 'Feature',
      properties: { id: restriction.id, kind: restriction.type === 'zone' ? restriction.kind : restriction.type, name: restriction.type === 'closure' ? `Closed: ${restriction.reason}` : restrictionName(restriction) },
      geometry: { type: 'Polygon', coordinates: [linearRing(restriction.polygon)] },
    }))
    this.setSource('restrictions', { type: 'FeatureCollection', features })
    this.closures = restrictions.filter(({ type }) => type === 'closure')
    this.updateClosedRoads()
  }

  private closures: Restriction[] = []
  private closedRoadsKey = ''

  /** Marks the closed roads among the loaded ones; to be repeated, because moving the map loads others. */
  private updateClosedRoads() {
    const { lng, lat } = this.map.getCenter()
    const key = `${this.closures.map(({ id }) => id)}|${this.map.getZoom().toFixed(1)}|${lng.toFixed(2)}|${lat.toFixed(2)}|${this.map.areTilesLoaded()}`
    if (key === this.closedRoadsKey || !this.styleLoaded) return
    this.closedRoadsKey = key
    const segments = this.closures.length > 0 ? this.roadSegments() : []
    const closed = segments.filter(({ points }) => this.closures.some(({ polygon }) => intersects(polygon, points)))
    this.setSource('closed-roads', lineFeatures(closed))
    const signs = this.closures.map(({ polygon }): Feature => ({ type: 'Feature', properties: {}, geometry: { type: 'Point', coordinates: lngLat(centroid(polygon)) } }))
    this.setSource('closure-signs', { type: 'FeatureCollection', features: signs })
  }

  /** Shows what the sector's own work draws. */
  showShapes(shapes: LayerShape[]) {
    const features = shapes.filter(({ points }) => points.length > 0).map(({ kind, points, name, tone }): Feature => ({
      type: 'Feature', properties: { kind, name, tone },
      geometry: kind === 'area' ? { type: 'Polygon', coordinates: [linearRing(points)] }
        : kind === 'line' ? { type: 'LineString', coordinates: points.map(lngLat) } : { type: 'Point', coordinates: lngLat(points[0]!) },
    }))
    this.setSource('shapes', { type: 'FeatureCollection', features })
  }

  showRoute(parts: { part: 'approach' | 'trip'; points: LatLon[] }[]) {
    const features = parts.filter(({ points }) => points.length > 1).map(({ part, points }): Feature => ({
      type: 'Feature', properties: { part }, geometry: { type: 'LineString', coordinates: points.map(lngLat) },
    }))
    this.setSource('route', features.length > 0 ? { type: 'FeatureCollection', features } : EMPTY)
  }

  showDraft(corners: LatLon[], closed: boolean) {
    const points = corners.map((corner): Feature => ({ type: 'Feature', properties: {}, geometry: { type: 'Point', coordinates: lngLat(corner) } }))
    const shape: Feature[] = corners.length < 2 ? [] : [{
      type: 'Feature', properties: {},
      geometry: corners.length > 2 ? { type: 'Polygon', coordinates: [linearRing(corners)] } : { type: 'LineString', coordinates: corners.map(lngLat) },
    }]
    this.setSource('draft', { type: 'FeatureCollection', features: closed ? shape : [...shape, ...points] })
  }

  private affectedKey = ''

  /** Marks the roads that a draft affects; called each second, mostly with the same roads, which are not drawn again. */
  showAffectedRoads(segments: RoadSegment[]) {
    const key = segments.map(({ id, points }) => `${id}.${points.length}`).join()
    if (key === this.affectedKey) return
    this.affectedKey = key
    this.setSource('affected-roads', lineFeatures(segments))
  }

  /** The road segments of the loaded tiles. */
  roadSegments(): RoadSegment[] {
    if (!this.tiles || !this.map.getSource(ROADS)) return []
    return this.map.querySourceFeatures(ROADS, { sourceLayer: 'roads' }).flatMap(({ id, properties, geometry }) => {
      const parts = geometry.type === 'LineString' ? [geometry.coordinates] : geometry.type === 'MultiLineString' ? geometry.coordinates : []
      return parts.map((part) => ({
        id: Number(id), name: (properties['name'] as string | undefined) ?? null, class: String(properties['class']),
        points: part.map(([lon, lat]) => ({ lon: lon!, lat: lat! })),
      }))
    })
  }

  fit(points: LatLon[], animate = true) {
    const lats = points.map(({ lat }) => lat), lons = points.map(({ lon }) => lon)
    const bounds: [[number, number], [number, number]] = [[Math.min(...lons), Math.min(...lats)], [Math.max(...lons), Math.max(...lats)]]
    this.map.fitBounds(bounds, { padding: this.padding, maxZoom: 16, duration: animate ? 600 : 0 })
  }

  padding: Padding = { top: 60, right: 60, bottom: 60, left: 60 }

  goTo(at: LatLon, zoom?: number) {
    this.map.easeTo({ center: lngLat(at), padding: this.padding, duration: 500, ...(zoom ? { zoom: Math.max(this.map.getZoom(), zoom) } : {}) })
  }

  /** Keeps a moving vehicle in the centre. */
  follow(at: LatLon) {
    if (!this.map.isMoving()) this.map.easeTo({ center: lngLat(at), padding: this.padding, duration: 250, easing: (t) => t })
  }

  /** A point's position on the screen, in pixels. */
  project(at: LatLon): { x: number; y: number } {
    const { x, y } = this.map.project(lngLat(at))
    return { x, y }
  }

  private mercatorPerPixel(): number {
    return 1 / (512 * 2 ** this.map.getZoom())
  }

  private vehicleAt(event: MapMouseEvent, tolerance: number): string | null {
    const [x, y] = toMercator(event.lngLat.lat, event.lngLat.lng)
    return this.fleet.motion.nearest(x, y, tolerance * this.mercatorPerPixel())
  }

  private onClick(event: MapMouseEvent) {
    this.listener.onClick({ lat: event.lngLat.lat, lon: event.lngLat.lng }, this.vehicleAt(event, CLICK_TOLERANCE_PX))
  }

  private onPointerMove(event: MapMouseEvent) {
    this.listener.onHover(this.vehicleAt(event, HOVER_TOLERANCE_PX))
    this.listener.onPointerMove({ lat: event.lngLat.lat, lon: event.lngLat.lng })
  }
}

function lngLat({ lat, lon }: LatLon): [number, number] {
  return [lon, lat]
}

function lineFeatures(segments: RoadSegment[]): FeatureCollection {
  const features = segments.map(({ points }): Feature => ({ type: 'Feature', properties: {}, geometry: { type: 'LineString', coordinates: points.map(lngLat) } }))
  return { type: 'FeatureCollection', features }
}

function centroid(polygon: LatLon[]): LatLon {
  const sum = (of: (corner: LatLon) => number) => polygon.reduce((sum, corner) => sum + of(corner), 0) / polygon.length
  return { lat: sum(({ lat }) => lat), lon: sum(({ lon }) => lon) }
}

function linearRing(corners: LatLon[]): [number, number][] {
  return [...corners, ...corners.slice(0, 1)].map(lngLat)
}
