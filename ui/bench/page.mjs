// What a frame of the page costs in script while the whole fleet moves, and how much a first visit loads; prints one
// line of JSON. `atlasmesh bench page` starts it with ATLASMESH_PAGE and ATLASMESH_TOKEN.
import { launch } from '../tests/chromium.mjs'

const { ATLASMESH_PAGE: base, ATLASMESH_TOKEN: token } = process.env
/** Long enough for each thing that the page does now and then: samples each second, all records each five. */
const MEASURED_MS = 20_000
/** What the main thread does because of a script; a garbage collection is the script's too. */
const SCRIPT = new Set([
  'EvaluateScript', 'EventDispatch', 'FireAnimationFrame', 'FireIdleCallback', 'FunctionCall', 'MajorGC', 'MinorGC', 'RunMicrotasks',
  'TimerFire', 'V8.GCFinalizeMC', 'V8.GCScavenger', 'v8.callFunction', 'v8.compile', 'v8.run',
])

const browser = await launch()
try {
  const page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage()
  page.setDefaultTimeout(120_000)
  const loaded = filesOf(page)
  await page.goto(`${base}/#token=${token}`)
  await page.getByRole('option').first().waitFor()
  await page.waitForFunction(() => globalThis.atlasmesh?.isDrawn())
  const { own, library } = await loaded()
  await browser.startTracing(page, { categories: ['devtools.timeline', 'v8', 'toplevel'] })
  await page.waitForTimeout(MEASURED_MS)
  const { traceEvents } = JSON.parse(String(await browser.stopTracing()))
  const costs = frameCosts(traceEvents).sort((a, b) => a - b)
  const at = (share) => costs[Math.round((costs.length - 1) * share)]
  console.log(JSON.stringify({
    frames: costs.length, seconds: MEASURED_MS / 1000, scripting_p50_ms: at(0.5), scripting_p95_ms: at(0.95), scripting_max_ms: at(1),
    first_load_kb: own / 1000, map_library_kb: library / 1000,
  }))
} finally {
  await browser.close()
}

/** Gathers the files that the page loads; answers their compressed bytes, the map library's apart. What the API answers is no file. */
function filesOf(page) {
  const sizes = []
  page.on('requestfinished', (request) => {
    if (!new URL(request.url()).pathname.startsWith('/v1/')) sizes.push(request.sizes().then(({ responseBodySize }) => [request.url(), responseBodySize]))
  })
  return async () => {
    const sum = (files) => files.reduce((sum, [, bytes]) => sum + bytes, 0)
    const files = await Promise.all(sizes)
    return { own: sum(files.filter(([url]) => !url.includes('maplibre'))), library: sum(files.filter(([url]) => url.includes('maplibre'))) }
  }
}

/**
 * Milliseconds of script from the beginning of each frame to that of the next: of the thread's own time where the trace
 * has it, so that what else the machine does is not counted.
 */
function frameCosts(events) {
  const main = events.find(({ name }) => name === 'FireAnimationFrame')
  if (!main) throw new Error('the page drew no frame')
  const own = events.filter(({ ph, pid, tid }) => ph === 'X' && pid === main.pid && tid === main.tid).sort((a, b) => a.ts - b.ts || b.dur - a.dur)
  const costs = []
  let scriptEnds = 0
  let frameTask = 0
  let taskEnds = 0
  let cost = null
  for (const { name, ts, dur = 0, tdur = dur } of own) {
    if (name.endsWith('RunTask') && ts >= taskEnds) taskEnds = ts + dur
    if (name === 'FireAnimationFrame' && taskEnds !== frameTask) {
      // Every callback of one frame runs in one task.
      frameTask = taskEnds
      if (cost !== null) costs.push(cost / 1000)
      cost = 0
    }
    if (!SCRIPT.has(name) || ts < scriptEnds) continue
    scriptEnds = ts + dur
    if (cost !== null) cost += tdur
  }
  return costs
}
