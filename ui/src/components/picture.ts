// The logo of a sector is data that came from elsewhere: only elements and attributes that draw are taken over, one by one.
const SVG = 'http://www.w3.org/2000/svg'
const ELEMENTS = new Set(['svg', 'g', 'path', 'rect', 'circle', 'ellipse', 'line', 'polyline', 'polygon'])
const ATTRIBUTES = new Set([
  'viewBox', 'x', 'y', 'x1', 'y1', 'x2', 'y2', 'cx', 'cy', 'r', 'rx', 'ry', 'width', 'height', 'd', 'points', 'transform', 'fill', 'stroke', 'opacity',
  'fill-rule', 'clip-rule', 'fill-opacity', 'stroke-opacity', 'stroke-width', 'stroke-linecap', 'stroke-linejoin', 'stroke-dasharray',
])
const DEPTH_MAX = 16

function copyOf(element: Element, depth: number): SVGElement | null {
  if (element.namespaceURI !== SVG || !ELEMENTS.has(element.localName) || depth > DEPTH_MAX) return null
  const copy = document.createElementNS(SVG, element.localName)
  for (const { name, value } of element.attributes) if (ATTRIBUTES.has(name) && !/url\(/i.test(value)) copy.setAttribute(name, value)
  for (const child of element.children) {
    const drawn = copyOf(child, depth + 1)
    if (drawn) copy.append(drawn)
  }
  return copy
}

/** The picture of an SVG text, or null where it is none. */
export function pictureOf(svg: string): SVGElement | null {
  const root = new DOMParser().parseFromString(svg, 'image/svg+xml').documentElement
  return root.localName === 'svg' ? copyOf(root, 0) : null
}
