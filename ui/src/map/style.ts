// The map's style in the theme's colours: roads come from the site's own tiles and labels use local fonts, so nothing is
// fetched from third parties.
import type { ExpressionSpecification, LayerSpecification, StyleSpecification } from 'maplibre-gl'
import { cssVariable } from '../theme/theme.svelte'

export const ROADS = 'roads'

const MAJOR = ['motorway', 'trunk', 'primary', 'haul']
const MIDDLE = ['secondary', 'tertiary', 'motorway_link', 'trunk_link', 'primary_link', 'secondary_link']
const SMALL = ['service', 'track', 'living_street']

/** A road's width in pixels by its class, at zoom levels 10, 14 and 18. */
function roadWidth(extra: number): ExpressionSpecification {
  const byClass = (major: number, middle: number, street: number, small: number): ExpressionSpecification => [
    'match', ['get', 'class'], MAJOR, major + extra, MIDDLE, middle + extra, SMALL, small + extra, street + extra,
  ]
  return ['interpolate', ['exponential', 1.6], ['zoom'], 10, byClass(1.6, 1, 0.5, 0.3), 14, byClass(5, 3.6, 2, 1.2), 18, byClass(26, 20, 14, 8)]
}

function roadColour(): ExpressionSpecification {
  return ['match', ['get', 'class'], ['motorway', 'trunk', 'motorway_link', 'trunk_link'], cssVariable('map-road-trunk'),
    ['primary', 'haul'], cssVariable('map-road-major'), ['secondary', 'tertiary', 'primary_link', 'secondary_link'], cssVariable('map-road'),
    cssVariable('map-road-minor')]
}

const DRAW_ORDER: ExpressionSpecification = ['match', ['get', 'class'], MAJOR, 3, MIDDLE, 2, SMALL, 0, 1]

function roadLayers(): LayerSpecification[] {
  const road = { source: ROADS, 'source-layer': 'roads' }
  const round = { 'line-cap': 'round', 'line-join': 'round', 'line-sort-key': DRAW_ORDER } as const
  return [
    {
      id: 'road-edge', type: 'line', ...road, minzoom: 12, layout: round,
      paint: {
        'line-color': ['match', ['get', 'class'], MAJOR, cssVariable('map-edge-major'), cssVariable('map-edge')],
        'line-width': roadWidth(1.6),
      },
    },
    { id: 'road', type: 'line', ...road, layout: round, paint: { 'line-color': roadColour(), 'line-width': roadWidth(0) } },
    {
      id: 'road-no-stop', type: 'line', ...road, minzoom: 14, filter: ['has', 'no_stop'],
      paint: { 'line-color': cssVariable('map-no-stop'), 'line-width': 1.4, 'line-dasharray': [3, 2] },
    },
  ]
}

const FONT = ['sans-serif']

function labelLayers(): LayerSpecification[] {
  const paint = { 'text-color': cssVariable('map-text'), 'text-halo-color': cssVariable('map-halo'), 'text-halo-width': 1.4 }
  return [
    {
      id: 'road-name', type: 'symbol', source: ROADS, 'source-layer': 'roads', minzoom: 13, filter: ['has', 'name'],
      layout: {
        'symbol-placement': 'line', 'symbol-spacing': 320, 'symbol-sort-key': ['-', 0, DRAW_ORDER], 'text-field': ['get', 'name'], 'text-font': FONT,
        'text-size': ['interpolate', ['linear'], ['zoom'], 13, 10, 17, 13], 'text-padding': 6,
      },
      paint,
    },
    {
      id: 'road-oneway', type: 'symbol', source: ROADS, 'source-layer': 'roads', minzoom: 16, filter: ['has', 'oneway'],
      layout: {
        'symbol-placement': 'line', 'symbol-spacing': 110, 'text-field': '›', 'text-font': FONT, 'text-size': 17,
        'text-keep-upright': false, 'text-offset': [0, -0.05], 'text-padding': 20,
      },
      paint: { ...paint, 'text-halo-width': 0, 'text-opacity': 0.75 },
    },
  ]
}

const restrictionColour = (): ExpressionSpecification => ['match', ['get', 'kind'],
  'closure', cssVariable('state-stopped'), 'blast', cssVariable('state-stopped'), 'exclusive', cssVariable('state-attended'), 'speed_limit', cssVariable('state-carrying'), cssVariable('state-held')]

function restrictionLayers(): LayerSpecification[] {
  return [
    { id: 'restriction-fill', type: 'fill', source: 'restrictions', paint: { 'fill-color': restrictionColour(), 'fill-opacity': 0.14 } },
    { id: 'restriction-hatch', type: 'fill', source: 'restrictions', filter: ['==', ['get', 'kind'], 'closure'], paint: { 'fill-pattern': 'hatch', 'fill-opacity': 0.6 } },
    { id: 'restriction-edge', type: 'line', source: 'restrictions', paint: { 'line-color': restrictionColour(), 'line-width': 1.8 } },
    {
      id: 'restriction-name', type: 'symbol', source: 'restrictions', minzoom: 12,
      layout: { 'text-field': ['get', 'name'], 'text-font': FONT, 'text-size': 12, 'text-max-width': 12, 'text-offset': [0, 1.3], 'text-anchor': 'top' },
      paint: { 'text-color': restrictionColour(), 'text-halo-color': cssVariable('map-halo'), 'text-halo-width': 1.8 },
    },
  ]
}

function overlayLayers(): LayerSpecification[] {
  const round = { 'line-cap': 'round', 'line-join': 'round' } as const
  const width: ExpressionSpecification = ['interpolate', ['linear'], ['zoom'], 11, 3, 17, 9]
  return [
    { id: 'affected-roads', type: 'line', source: 'affected-roads', layout: round, paint: { 'line-color': cssVariable('state-stopped'), 'line-width': ['interpolate', ['linear'], ['zoom'], 11, 1.6, 17, 7], 'line-opacity': 0.6 } },
    { id: 'route-edge', type: 'line', source: 'route', layout: round, paint: { 'line-color': cssVariable('map-halo'), 'line-width': ['interpolate', ['linear'], ['zoom'], 11, 5.5, 17, 12], 'line-opacity': 0.9 } },
    {
      id: 'route', type: 'line', source: 'route', layout: round,
      paint: { 'line-color': ['match', ['get', 'part'], 'approach', cssVariable('map-approach'), cssVariable('map-route')], 'line-width': width, 'line-opacity': 0.85 },
    },
    { id: 'draft-fill', type: 'fill', source: 'draft', filter: ['==', ['geometry-type'], 'Polygon'], paint: { 'fill-color': cssVariable('state-held'), 'fill-opacity': 0.2 } },
    { id: 'draft-line', type: 'line', source: 'draft', paint: { 'line-color': cssVariable('state-held'), 'line-width': 2, 'line-dasharray': [2, 1.4] } },
    { id: 'draft-corner', type: 'circle', source: 'draft', filter: ['==', ['geometry-type'], 'Point'], paint: { 'circle-radius': 5, 'circle-color': cssVariable('panel'), 'circle-stroke-color': cssVariable('state-held'), 'circle-stroke-width': 2 } },
  ]
}

const shapeColour = (): ExpressionSpecification => ['match', ['get', 'tone'],
  'critical', cssVariable('state-stopped'), 'serious', cssVariable('state-held'), 'good', cssVariable('state-ready'), cssVariable('map-text')]

/** What the sector's own work draws: areas, lines and places. */
function shapeLayers(): LayerSpecification[] {
  const colour = shapeColour()
  const kind = (name: string): ExpressionSpecification => ['==', ['get', 'kind'], name]
  return [
    { id: 'shape-area', type: 'fill', source: 'shapes', filter: kind('area'), paint: { 'fill-color': colour, 'fill-opacity': 0.16 } },
    { id: 'shape-edge', type: 'line', source: 'shapes', filter: kind('area'), paint: { 'line-color': colour, 'line-width': 1.8 } },
    { id: 'shape-line', type: 'line', source: 'shapes', filter: kind('line'), paint: { 'line-color': colour, 'line-width': 2.4, 'line-dasharray': [3, 2] } },
    {
      id: 'shape-place', type: 'circle', source: 'shapes', filter: kind('place'),
      paint: { 'circle-radius': 5.5, 'circle-color': cssVariable('panel'), 'circle-stroke-color': colour, 'circle-stroke-width': 2.5 },
    },
    {
      id: 'shape-name', type: 'symbol', source: 'shapes', minzoom: 12,
      layout: { 'text-field': ['get', 'name'], 'text-font': FONT, 'text-size': 12, 'text-max-width': 12, 'text-offset': [0, 0.9], 'text-anchor': 'top' },
      paint: { 'text-color': colour, 'text-halo-color': cssVariable('map-halo'), 'text-halo-width': 1.8 },
    },
  ]
}

function closedRoadLayer(): LayerSpecification {
  const width: ExpressionSpecification = ['interpolate', ['exponential', 1.6], ['zoom'], 10, 1.6, 14, 4, 18, 20]
  return { id: 'closed-roads', type: 'line', source: 'closed-roads', layout: { 'line-cap': 'butt' }, paint: { 'line-color': cssVariable('state-stopped'), 'line-width': width, 'line-opacity': 0.55, 'line-dasharray': [1.2, 0.8] } }
}

function closureSignLayer(): LayerSpecification {
  return { id: 'closure-signs', type: 'symbol', source: 'closure-signs', layout: { 'icon-image': 'no-entry', 'icon-allow-overlap': true, 'icon-size': ['interpolate', ['linear'], ['zoom'], 10, 0.7, 16, 1] } }
}

export const EMPTY = { type: 'FeatureCollection' as const, features: [] }

/** The whole style without the vehicles, which are a layer of their own on top; without tiles it has no roads. */
export function mapStyle(roads: { tiles: string[]; bounds?: [number, number, number, number]; maxzoom: number } | null): StyleSpecification {
  const geojson = { type: 'geojson' as const, data: EMPTY }
  return {
    version: 8,
    sources: {
      shapes: geojson, restrictions: geojson, 'closed-roads': geojson, 'closure-signs': geojson, 'affected-roads': geojson, route: geojson, draft: geojson,
      ...(roads ? { [ROADS]: { type: 'vector' as const, minzoom: 6, ...roads } } : {}),
    },
    layers: [
      { id: 'ground', type: 'background', paint: { 'background-color': cssVariable('map-background') } },
      ...(roads ? roadLayers() : []),
      ...shapeLayers().slice(0, 3),
      ...restrictionLayers().slice(0, 3),
      closedRoadLayer(),
      ...overlayLayers(),
      ...(roads ? labelLayers() : []),
      closureSignLayer(),
      ...restrictionLayers().slice(3),
      ...shapeLayers().slice(3),
    ],
  }
}

/** The fill pattern of closures. */
export function hatchPattern(): { width: number; height: number; data: Uint8ClampedArray } {
  const size = 16
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = size
  const context = canvas.getContext('2d')
  if (!context) return { width: 1, height: 1, data: new Uint8ClampedArray(4) }
  context.strokeStyle = cssVariable('state-stopped')
  context.lineWidth = 2.5
  for (const offset of [-size, 0, size]) {
    context.beginPath()
    context.moveTo(offset - 2, size + 2)
    context.lineTo(offset + size + 2, -2)
    context.stroke()
  }
  return context.getImageData(0, 0, size, size)
}

/** The no-entry sign of closures, at twice its size for displays with two device pixels per pixel. */
export function noEntryIcon(): { width: number; height: number; data: Uint8ClampedArray } {
  const size = 44
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = size
  const context = canvas.getContext('2d')
  if (!context) return { width: 1, height: 1, data: new Uint8ClampedArray(4) }
  for (const [radius, colour] of [[21, cssVariable('map-vehicle-edge')], [18, cssVariable('state-stopped')]] as const) {
    context.fillStyle = colour
    context.beginPath()
    context.arc(size / 2, size / 2, radius, 0, 2 * Math.PI)
    context.fill()
  }
  context.fillStyle = cssVariable('map-vehicle-edge')
  context.fillRect(10, 18, 24, 8)
  return context.getImageData(0, 0, size, size)
}
