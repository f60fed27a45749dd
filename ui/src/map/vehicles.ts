// The vehicles on the map: one draw call for all of them. The rows of `Motion` are the buffer, uploaded only when a
// sample changed one; a frame in between sets the time and draws.
import type { CustomLayerInterface, CustomRenderMethodInput, Map as MapLibre } from 'maplibre-gl'
import { type Motion, STRIDE } from '../live/motion'
import { LOOKS } from '../live/state'
import { token } from '../theme/theme.svelte'
import { FRAGMENT, VERTEX } from './shader'

const CORNERS = new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1])
const FLOAT_BYTES = 4

/** Half the side of a vehicle's square, in pixels, by zoom. */
function sizeAt(zoom: number): number {
  return Math.min(17, Math.max(7, 7 + (zoom - 10) * 1.9))
}

export class VehicleLayer implements CustomLayerInterface {
  readonly id = 'vehicles'
  readonly type = 'custom' as const
  selected: string | null = null
  hovered: string | null = null
  private map: MapLibre | null = null
  private program: WebGLProgram | null = null
  private rows: WebGLBuffer | null = null
  private vao: WebGLVertexArrayObject | null = null
  private uploaded = -1
  private capacity = 0
  private colours = new Float32Array(LOOKS.length * 4)
  private edge: number[] = [0, 0, 0, 1]
  private ring: number[] = [0, 0, 0, 1]
  private places = new Map<string, WebGLUniformLocation | null>()

  constructor(private readonly motion: Motion) {}

  /** Reads the colours again after the theme changed. */
  repaint() {
    LOOKS.forEach(({ look }, number) => this.colours.set(rgba(token(`look-${look}`)), number * 4))
    this.edge = rgba(token('map-vehicle-edge'))
    this.ring = rgba(token('map-select'))
    this.map?.triggerRepaint()
  }

  onAdd(map: MapLibre, context: WebGLRenderingContext | WebGL2RenderingContext) {
    const gl = context as WebGL2RenderingContext
    this.map = map
    this.program = program(gl)
    this.uploaded = -1
    this.capacity = 0
    this.places = new Map(['matrix', 'pixel', 'now', 'size', 'selected', 'hovered', 'colours', 'edge', 'ring'].map((name) =>
      [name, gl.getUniformLocation(this.program!, name)]))
    this.vao = gl.createVertexArray()
    gl.bindVertexArray(this.vao)
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer())
    gl.bufferData(gl.ARRAY_BUFFER, CORNERS, gl.STATIC_DRAW)
    gl.enableVertexAttribArray(0)
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0)
    this.rows = gl.createBuffer()
    gl.bindBuffer(gl.ARRAY_BUFFER, this.rows)
    for (const [place, numbers, from] of [[1, 4, 0], [2, 4, 4], [3, 2, 8]] as const) {
      gl.enableVertexAttribArray(place)
      gl.vertexAttribPointer(place, numbers, gl.FLOAT, false, STRIDE * FLOAT_BYTES, from * FLOAT_BYTES)
      gl.vertexAttribDivisor(place, 1)
    }
    gl.bindVertexArray(null)
    this.repaint()
  }

  render(context: WebGLRenderingContext | WebGL2RenderingContext, input: CustomRenderMethodInput) {
    const gl = context as WebGL2RenderingContext
    const { motion, map } = this
    if (!this.program || !map || !motion.origin || motion.count === 0) return
    gl.useProgram(this.program)
    gl.bindVertexArray(this.vao)
    this.upload(gl)
    const at = (name: string) => this.places.get(name) ?? null
    const canvas = map.getCanvas()
    const ratio = map.getPixelRatio()
    gl.uniformMatrix4fv(at('matrix'), false, shifted(input.defaultProjectionData.mainMatrix, motion.origin))
    gl.uniform2f(at('pixel'), (2 * ratio) / canvas.width, (2 * ratio) / canvas.height)
    gl.uniform1f(at('now'), motion.seconds(performance.now()))
    gl.uniform1f(at('size'), sizeAt(map.getZoom()))
    gl.uniform1i(at('selected'), this.selected === null ? -1 : motion.ids.indexOf(this.selected))
    gl.uniform1i(at('hovered'), this.hovered === null ? -1 : motion.ids.indexOf(this.hovered))
    gl.uniform4fv(at('colours'), this.colours)
    gl.uniform4fv(at('edge'), this.edge)
    gl.uniform4fv(at('ring'), this.ring)
    gl.disable(gl.DEPTH_TEST)
    gl.disable(gl.STENCIL_TEST)
    gl.disable(gl.CULL_FACE)
    gl.enable(gl.BLEND)
    gl.blendFuncSeparate(gl.ONE, gl.ONE_MINUS_SRC_ALPHA, gl.ONE, gl.ONE_MINUS_SRC_ALPHA)
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, motion.count)
    gl.bindVertexArray(null)
  }

  private upload(gl: WebGL2RenderingContext) {
    const { motion } = this
    if (this.uploaded === motion.version) return
    gl.bindBuffer(gl.ARRAY_BUFFER, this.rows)
    if (this.capacity < motion.data.length) {
      gl.bufferData(gl.ARRAY_BUFFER, motion.data, gl.DYNAMIC_DRAW)
      this.capacity = motion.data.length
    } else {
      gl.bufferSubData(gl.ARRAY_BUFFER, 0, motion.data, 0, motion.count * STRIDE)
    }
    this.uploaded = motion.version
  }
}

/** The matrix for places relative to an origin; the large numbers cancel here, in 64 bits, and not in the shader. */
function shifted(matrix: ArrayLike<number>, [x, y]: [number, number]): Float32Array {
  const moved = Float64Array.from(matrix)
  for (let row = 0; row < 4; row++) moved[12 + row] = matrix[row]! * x + matrix[4 + row]! * y + matrix[12 + row]!
  return Float32Array.from(moved)
}

/** A colour of the theme for the shader, however it is written: a canvas reads every form, and tells it as `#rrggbb`. */
function rgba(colour: string): number[] {
  const pen = document.createElement('canvas').getContext('2d')
  if (!pen) throw new Error('this browser draws no canvas')
  pen.fillStyle = colour
  const number = Number.parseInt(pen.fillStyle.slice(1), 16)
  return [((number >> 16) & 255) / 255, ((number >> 8) & 255) / 255, (number & 255) / 255, 1]
}

function program(gl: WebGL2RenderingContext): WebGLProgram {
  const made = gl.createProgram()
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]] as const) {
    const shader = gl.createShader(kind)
    if (!shader) throw new Error('the graphics context is lost')
    gl.shaderSource(shader, source)
    gl.compileShader(shader)
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader) ?? 'a shader does not compile')
    gl.attachShader(made, shader)
  }
  gl.linkProgram(made)
  return made
}
