// The map layer of the vehicles: one instanced draw call. The rows of `Motion` are the instance buffer, which is uploaded
// only after a sample changed it; a frame in between only sets the time.
import type { CustomLayerInterface, CustomRenderMethodInput, Map as MapLibre } from 'maplibre-gl'
import { type Motion, STRIDE } from '../live/motion'
import { VEHICLE_STATES } from '../live/state'
import { cssVariable } from '../theme/theme.svelte'
import { FRAGMENT, VERTEX } from './shader'

const QUAD = new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1])
const FLOAT_BYTES = 4

/** Half the side of a vehicle's square in pixels. */
function sizeAtZoom(zoom: number): number {
  return Math.min(17, Math.max(7, 7 + (zoom - 10) * 1.9))
}

export class VehicleLayer implements CustomLayerInterface {
  readonly id = 'vehicles'
  readonly type = 'custom' as const
  selected: string | null = null
  hovered: string | null = null
  private map: MapLibre | null = null
  private program: WebGLProgram | null = null
  private instances: WebGLBuffer | null = null
  private vao: WebGLVertexArrayObject | null = null
  private uploadedVersion = -1
  private capacity = 0
  private colours = new Float32Array(VEHICLE_STATES.length * 4)
  private edge: number[] = [0, 0, 0, 1]
  private selection: number[] = [0, 0, 0, 1]
  private uniforms = new Map<string, WebGLUniformLocation | null>()

  constructor(private readonly motion: Motion) {}

  /** To be called after the theme changed. */
  updateColours() {
    VEHICLE_STATES.forEach(({ state }, index) => this.colours.set(rgba(cssVariable(`state-${state}`)), index * 4))
    this.edge = rgba(cssVariable('map-vehicle-edge'))
    this.selection = rgba(cssVariable('map-select'))
    this.map?.triggerRepaint()
  }

  onAdd(map: MapLibre, context: WebGLRenderingContext | WebGL2RenderingContext) {
    const gl = context as WebGL2RenderingContext
    this.map = map
    this.program = createProgram(gl)
    this.uploadedVersion = -1
    this.capacity = 0
    this.uniforms = new Map(['matrix', 'pixelSize', 'now', 'size', 'selected', 'hovered', 'colours', 'edge', 'selection'].map((name) =>
      [name, gl.getUniformLocation(this.program!, name)]))
    this.vao = gl.createVertexArray()
    gl.bindVertexArray(this.vao)
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer())
    gl.bufferData(gl.ARRAY_BUFFER, QUAD, gl.STATIC_DRAW)
    gl.enableVertexAttribArray(0)
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0)
    this.instances = gl.createBuffer()
    gl.bindBuffer(gl.ARRAY_BUFFER, this.instances)
    for (const [attribute, size, first] of [[1, 4, 0], [2, 4, 4], [3, 2, 8]] as const) {
      gl.enableVertexAttribArray(attribute)
      gl.vertexAttribPointer(attribute, size, gl.FLOAT, false, STRIDE * FLOAT_BYTES, first * FLOAT_BYTES)
      gl.vertexAttribDivisor(attribute, 1)
    }
    gl.bindVertexArray(null)
    this.updateColours()
  }

  render(context: WebGLRenderingContext | WebGL2RenderingContext, input: CustomRenderMethodInput) {
    const gl = context as WebGL2RenderingContext
    const { motion, map } = this
    if (!this.program || !map || !motion.origin || motion.count === 0) return
    gl.useProgram(this.program)
    gl.bindVertexArray(this.vao)
    this.upload(gl)
    const uniform = (name: string) => this.uniforms.get(name) ?? null
    const canvas = map.getCanvas()
    const ratio = map.getPixelRatio()
    gl.uniformMatrix4fv(uniform('matrix'), false, translated(input.defaultProjectionData.mainMatrix, motion.origin))
    gl.uniform2f(uniform('pixelSize'), (2 * ratio) / canvas.width, (2 * ratio) / canvas.height)
    gl.uniform1f(uniform('now'), motion.seconds(performance.now()))
    gl.uniform1f(uniform('size'), sizeAtZoom(map.getZoom()))
    gl.uniform1i(uniform('selected'), this.selected === null ? -1 : motion.ids.indexOf(this.selected))
    gl.uniform1i(uniform('hovered'), this.hovered === null ? -1 : motion.ids.indexOf(this.hovered))
    gl.uniform4fv(uniform('colours'), this.colours)
    gl.uniform4fv(uniform('edge'), this.edge)
    gl.uniform4fv(uniform('selection'), this.selection)
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
    if (this.uploadedVersion === motion.version) return
    gl.bindBuffer(gl.ARRAY_BUFFER, this.instances)
    if (this.capacity < motion.data.length) {
      gl.bufferData(gl.ARRAY_BUFFER, motion.data, gl.DYNAMIC_DRAW)
      this.capacity = motion.data.length
    } else {
      gl.bufferSubData(gl.ARRAY_BUFFER, 0, motion.data, 0, motion.count * STRIDE)
    }
    this.uploadedVersion = motion.version
  }
}

/** The matrix for positions relative to an origin; computed in 64 bits, because 32 in the shader are not exact enough. */
function translated(matrix: ArrayLike<number>, [x, y]: [number, number]): Float32Array {
  const result = Float64Array.from(matrix)
  for (let row = 0; row < 4; row++) result[12 + row] = matrix[row]! * x + matrix[4 + row]! * y + matrix[12 + row]!
  return Float32Array.from(result)
}

/** Converts a CSS colour of any notation for the shader: a canvas parses it and returns it as `#rrggbb`. */
function rgba(colour: string): number[] {
  const context = document.createElement('canvas').getContext('2d')
  if (!context) throw new Error('this browser draws no canvas')
  context.fillStyle = colour
  const number = Number.parseInt(context.fillStyle.slice(1), 16)
  return [((number >> 16) & 255) / 255, ((number >> 8) & 255) / 255, (number & 255) / 255, 1]
}

function createProgram(gl: WebGL2RenderingContext): WebGLProgram {
  const program = gl.createProgram()
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]] as const) {
    const shader = gl.createShader(kind)
    if (!shader) throw new Error('the graphics context is lost')
    gl.shaderSource(shader, source)
    gl.compileShader(shader)
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader) ?? 'a shader does not compile')
    gl.attachShader(program, shader)
  }
  gl.linkProgram(program)
  return program
}
