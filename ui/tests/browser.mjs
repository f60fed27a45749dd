// What the journeys share: a browser that reaches nothing but the demo under test, and the API to look behind the page.
//
// ATLASMESH_DEMO is the folder of a running demo, by itself the one that `cargo xtask demo` keeps. ATLASMESH_SHOTS, if
// set, is a folder that gets a picture of every stop on the way, for people to look at.
import { mkdirSync, readFileSync } from 'node:fs'
import { watch } from 'node:fs/promises'
import { join } from 'node:path'

const demo = process.env.ATLASMESH_DEMO ?? join(import.meta.dirname, '../../target/demo')
const noted = (name) => JSON.parse(readFileSync(join(demo, name), 'utf8'))
const { http, tenant_token: token } = noted('demo.json')
const base = `http://${http}`
const shots = process.env.ATLASMESH_SHOTS

/** How long anything may take that is waited for: the map is drawn by software, on a machine that also runs the fleet. */
const LIMIT_MS = 60_000

/**
 * A page that is signed in and shows the fleet. `problems` gathers what a user would not see but we must; `expects` is
 * what the journey itself makes the console say. Software draws slowly what moves all the time, so that a journey asks
 * for less motion where it is not about that.
 */
export async function open(browser, { width = 1440, height = 900, dark = false, motion = 'reduce', expects = /^$/ } = {}) {
  const colorScheme = dark ? 'dark' : 'light'
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: motion, hasTouch: width < 600 })
  const page = await context.newPage()
  page.setDefaultTimeout(LIMIT_MS)
  page.problems = []
  page.on('pageerror', (error) => page.problems.push(error.stack ?? error.message))
  page.on('console', (message) => {
    const told = `${message.text()} ${message.location().url}`
    if (message.type() === 'error' && !expects.test(told)) page.problems.push(told)
  })
  page.on('request', (request) => {
    const { host, protocol } = new URL(request.url())
    if (protocol.startsWith('http') && host !== http) page.problems.push(`asks ${host}`)
  })
  await page.goto(`${base}/#token=${token}`)
  await page.getByRole('option').first().waitFor()
  return page
}

function call(path, options = {}) {
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
  return fetch(`${base}${path}`, { headers, ...options })
}

/** A call of the API, beside the page. */
export async function api(path, body) {
  const response = await call(path, body ? { method: 'POST', body: JSON.stringify(body) } : {})
  return response.json()
}

/** Asks until the answer is there: now, and again whenever the journal has grown. */
export async function until(what, ask) {
  const signal = AbortSignal.timeout(LIMIT_MS)
  const events = (await call('/v1/events', { signal })).body.getReader()
  try {
    for (;;) {
      const answer = await ask()
      if (answer) return answer
      await events.read()
    }
  } catch (error) {
    throw signal.aborted ? new Error(`not within ${LIMIT_MS / 1000} s: ${what}`) : error
  } finally {
    events.cancel().catch(() => {})
  }
}

/** Ends the server as a power failure would; returns once the demo has started it again. */
export async function killServer() {
  const pid = () => { try { return noted('server/endpoints.json').pid } catch { return null } }
  const before = pid()
  const changes = watch(join(demo, 'server'), { signal: AbortSignal.timeout(LIMIT_MS) })
  process.kill(before, 'SIGKILL')
  for await (const _ of changes) if (![before, null].includes(pid())) return
}

/** The map has drawn its roads and does not move. */
export async function drawn(page) {
  await page.waitForFunction(() => globalThis.atlasmesh?.isDrawn())
}

export async function picture(page, name) {
  if (!shots) return
  mkdirSync(shots, { recursive: true })
  await page.screenshot({ path: join(shots, `${name}.png`) })
}

/** Clicks on the map at a place. */
export async function clickAt(page, place) {
  const { x, y } = await page.evaluate((place) => globalThis.atlasmesh.pixel(place), place)
  await page.mouse.click(x, y)
}

/** The middle of the longest stretch of a named road that lies free between the page's panels. */
export async function roadInSight(page) {
  const road = await page.waitForFunction(() => {
    const { pixel, roads } = globalThis.atlasmesh
    const stretches = roads().filter(({ name }) => name).map(({ points: [a, b] }) => {
      const [from, to] = [pixel(a), pixel(b)]
      return { lat: (a.lat + b.lat) / 2, lon: (a.lon + b.lon) / 2, px: Math.hypot(from.x - to.x, from.y - to.y) }
    })
    const free = stretches.filter((place) => { const { x, y } = pixel(place); return x > 500 && x < 880 && y > 250 && y < 700 })
    return free.sort((a, b) => b.px - a.px)[0]
  })
  return road.jsonValue()
}
