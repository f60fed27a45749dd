// The map's style, made from the page's tokens: roads out of the site's own tiles, names drawn with the fonts of this
// machine, nothing fetched from anywhere else.
import type { ExpressionSpecification, LayerSpecification, StyleSpecification } from 'maplibre-gl'
import { token } from '../theme/theme.svelte'

export const ROADS = 'roads'

const MAJOR = ['motorway', 'trunk', 'primary', 'haul']
const MIDDLE = ['secondary', 'tertiary', 'motorway_link', 'trunk_link', 'primary_link', 'secondary_link']
const SMALL = ['service', 'track', 'living_street']

/** A road's width in pixels by its class: z10, z14, z18. */
function width(extra: number): ExpressionSpecification {
  const of = (major: number, middle: number, street: number, small: number): ExpressionSpecification => [
    'match', ['get', 'class'], MAJOR, major + extra, MIDDLE, middle + extra, SMALL, small + extra, street + extra,
  ]
  return ['interpolate', ['exponential', 1.6], ['zoom'], 10, of(1.6, 1, 0.5, 0.3), 14, of(5, 3.6, 2, 1.2), 18, of(26, 20, 14, 8)]
}

function colour(): ExpressionSpecification {
  return ['match', ['get', 'class'], ['motorway', 'trunk', 'motorway_link', 'trunk_link'], token('map-road-trunk'),
    ['primary', 'haul'], token('map-road-major'), ['secondary', 'tertiary', 'primary_link', 'secondary_link'], token('map-road'),
    token('map-road-minor')]
}

const ORDER: ExpressionSpecification = ['match', ['get', 'class'], MAJOR, 3, MIDDLE, 2, SMALL, 0, 1]

function roadLayers(): LayerSpecification[] {
  const road = { source: ROADS, 'source-layer': 'roads' }
  const round = { 'line-cap': 'round', 'line-join': 'round', 'line-sort-key': ORDER } as const
  return [
    {
      id: 'road-edge', type: 'line', ...road, minzoom: 12, layout: round,
      paint: {
        'line-color': ['match', ['get', 'class'], MAJOR, token('map-edge-major'), token('map-edge')],
        'line-width': width(1.6),
      },
    },
    { id: 'road', type: 'line', ...road, layout: round, paint: { 'line-color': colour(), 'line-width': width(0) } },
    {
      id: 'road-no-stop', type: 'line', ...road, minzoom: 14, filter: ['has', 'no_stop'],
      paint: { 'line-color': token('map-no-stop'), 'line-width': 1.4, 'line-dasharray': [3, 2] },
    },
  ]
}

const FONT = ['sans-serif']

function labelLayers(): LayerSpecification[] {
  const paint = { 'text-color': token('map-text'), 'text-halo-color': token('map-halo'), 'text-halo-width': 1.4 }
  return [
    {
      id: 'road-name', type: 'symbol', source: ROADS, 'source-layer': 'roads', minzoom: 13, filter: ['has', 'name'],
      layout: {
        'symbol-placement': 'line', 'symbol-spacing': 320, 'symbol-sort-key': ['-', 0, ORDER], 'text-field': ['get', 'name'], 'text-font': FONT,
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

/** The colour of what limits traffic, by what it is. */
const LIMIT_COLOUR = (): ExpressionSpecification => ['match', ['get', 'look'],
  'closure', token('look-stopped'), 'blast', token('look-stopped'), 'exclusive', token('look-attended'), token('look-held')]

function limitLayers(): LayerSpecification[] {
  return [
    { id: 'limit-fill', type: 'fill', source: 'limits', paint: { 'fill-color': LIMIT_COLOUR(), 'fill-opacity': 0.14 } },
    { id: 'limit-hatch', type: 'fill', source: 'limits', filter: ['==', ['get', 'look'], 'closure'], paint: { 'fill-pattern': 'hatch', 'fill-opacity': 0.6 } },
    { id: 'limit-edge', type: 'line', source: 'limits', paint: { 'line-color': LIMIT_COLOUR(), 'line-width': 1.8 } },
    {
      id: 'limit-name', type: 'symbol', source: 'limits', minzoom: 12,
      layout: { 'text-field': ['get', 'name'], 'text-font': FONT, 'text-size': 12, 'text-max-width': 12, 'text-offset': [0, 1.3], 'text-anchor': 'top' },
      paint: { 'text-color': LIMIT_COLOUR(), 'text-halo-color': token('map-halo'), 'text-halo-width': 1.8 },
    },
  ]
}

function workLayers(): LayerSpecification[] {
  const round = { 'line-cap': 'round', 'line-join': 'round' } as const
  const wide: ExpressionSpecification = ['interpolate', ['linear'], ['zoom'], 11, 3, 17, 9]
  return [
    { id: 'touched', type: 'line', source: 'touched', layout: round, paint: { 'line-color': token('look-stopped'), 'line-width': ['interpolate', ['linear'], ['zoom'], 11, 1.6, 17, 7], 'line-opacity': 0.6 } },
    { id: 'route-edge', type: 'line', source: 'route', layout: round, paint: { 'line-color': token('map-halo'), 'line-width': ['interpolate', ['linear'], ['zoom'], 11, 5.5, 17, 12], 'line-opacity': 0.9 } },
    {
      id: 'route', type: 'line', source: 'route', layout: round,
      paint: { 'line-color': ['match', ['get', 'part'], 'approach', token('map-approach'), token('map-route')], 'line-width': wide, 'line-opacity': 0.85 },
    },
    { id: 'draft-fill', type: 'fill', source: 'draft', filter: ['==', ['geometry-type'], 'Polygon'], paint: { 'fill-color': token('look-held'), 'fill-opacity': 0.2 } },
    { id: 'draft-line', type: 'line', source: 'draft', paint: { 'line-color': token('look-held'), 'line-width': 2, 'line-dasharray': [2, 1.4] } },
    { id: 'draft-corner', type: 'circle', source: 'draft', filter: ['==', ['geometry-type'], 'Point'], paint: { 'circle-radius': 5, 'circle-color': token('panel'), 'circle-stroke-color': token('look-held'), 'circle-stroke-width': 2 } },
  ]
}

/** Roads that a closure shuts, and its sign, which is seen from any height. */
function shutLayers(): LayerSpecification[] {
  const wide: ExpressionSpecification = ['interpolate', ['exponential', 1.6], ['zoom'], 10, 1.6, 14, 4, 18, 20]
  return [
    { id: 'shut', type: 'line', source: 'shut', layout: { 'line-cap': 'butt' }, paint: { 'line-color': token('look-stopped'), 'line-width': wide, 'line-opacity': 0.55, 'line-dasharray': [1.2, 0.8] } },
  ]
}

function signLayer(): LayerSpecification {
  return { id: 'sign', type: 'symbol', source: 'signs', layout: { 'icon-image': 'no-entry', 'icon-allow-overlap': true, 'icon-size': ['interpolate', ['linear'], ['zoom'], 10, 0.7, 16, 1] } }
}

export const EMPTY = { type: 'FeatureCollection' as const, features: [] }

/** Layers that a new theme paints anew, below and above the vehicles. */
export function styleOf(roads: { tiles: string[]; bounds?: [number, number, number, number]; maxzoom: number } | null): StyleSpecification {
  const geojson = { type: 'geojson' as const, data: EMPTY }
  return {
    version: 8,
    sources: {
      limits: geojson, shut: geojson, signs: geojson, touched: geojson, route: geojson, draft: geojson,
      ...(roads ? { [ROADS]: { type: 'vector' as const, minzoom: 6, ...roads } } : {}),
    },
    layers: [
      { id: 'ground', type: 'background', paint: { 'background-color': token('map-ground') } },
      ...(roads ? roadLayers() : []),
      ...limitLayers().slice(0, 3),
      ...shutLayers(),
      ...workLayers(),
      ...(roads ? labelLayers() : []),
      signLayer(),
      ...limitLayers().slice(3),
    ],
  }
}

/** Lines from corner to corner, for what is closed. */
export function hatch(): { width: number; height: number; data: Uint8ClampedArray } {
  const size = 16
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = size
  const pen = canvas.getContext('2d')
  if (!pen) return { width: 1, height: 1, data: new Uint8ClampedArray(4) }
  pen.strokeStyle = token('look-stopped')
  pen.lineWidth = 2.5
  for (const offset of [-size, 0, size]) {
    pen.beginPath()
    pen.moveTo(offset - 2, size + 2)
    pen.lineTo(offset + size + 2, -2)
    pen.stroke()
  }
  return pen.getImageData(0, 0, size, size)
}

/** The sign of a closed road, at twice its size. */
export function noEntry(): { width: number; height: number; data: Uint8ClampedArray } {
  const size = 44
  const canvas = document.createElement('canvas')
  canvas.width = canvas.height = size
  const pen = canvas.getContext('2d')
  if (!pen) return { width: 1, height: 1, data: new Uint8ClampedArray(4) }
  for (const [radius, colour] of [[21, token('map-vehicle-edge')], [18, token('look-stopped')]] as const) {
    pen.fillStyle = colour
    pen.beginPath()
    pen.arc(size / 2, size / 2, radius, 0, 2 * Math.PI)
    pen.fill()
  }
  pen.fillStyle = token('map-vehicle-edge')
  pen.fillRect(10, 18, 24, 8)
  return pen.getImageData(0, 0, size, size)
}
