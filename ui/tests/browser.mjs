// Helpers of the journeys: a page of the demo under test, whose requests to other hosts are reported, and the demo's API.
//
// ATLASMESH_DEMO is the folder of a running demo, by default that of `cargo xtask demo`. ATLASMESH_SHOTS, if set, is a
// folder for screenshots of each step. ATLASMESH_PAGE, if set, is where the page is instead of the program, as `npm run dev`
// prints it.
import { mkdirSync, readFileSync } from 'node:fs'
import { watch } from 'node:fs/promises'
import { join } from 'node:path'

const demo = process.env.ATLASMESH_DEMO ?? join(import.meta.dirname, '../../target/demo')
const readJson = (name) => JSON.parse(readFileSync(join(demo, name), 'utf8'))
const { http, tenant_token: token, platform_token: platformToken } = readJson('demo.json')
const base = `http://${http}`
const pageBase = process.env.ATLASMESH_PAGE ?? base
const screenshotDir = process.env.ATLASMESH_SHOTS

/** The timeout of every wait: long, because software renders the map on a machine that also runs the fleet. */
const TIMEOUT_MS = 60_000

/** The people of the demo sign in with these. */
const TENANT = 'coquimbo-city'
const PASSWORD = 'coquimbo by the sea'
/** The browser reports it as an error that nobody is signed in yet. */
const SIGNED_OUT = /status of 401/

/**
 * Opens a page that is signed in and shows the fleet: by the demo's token, or as a `person` by password; with `person: null`
 * the page that signs in. With `as` it is that of another token, at the address `at`. `page.problems` collects errors and requests to other hosts; console errors that match `expects`
 * are part of the journey. Motion is reduced by default, because software rendering is slow.
 */
export async function open(browser, { person, as, at = '/', width = 1440, height = 900, dark = false, motion = 'reduce', expects = person === undefined ? /^$/ : SIGNED_OUT } = {}) {
  const colorScheme = dark ? 'dark' : 'light'
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, reducedMotion: motion, hasTouch: width < 600 })
  const page = await context.newPage()
  page.setDefaultTimeout(TIMEOUT_MS)
  page.problems = []
  page.on('pageerror', (error) => page.problems.push(error.stack ?? error.message))
  page.on('console', (message) => {
    const text = `${message.text()} ${message.location().url}`
    if (message.type() === 'error' && !expects.test(text)) page.problems.push(text)
  })
  page.on('request', (request) => {
    const { host, protocol } = new URL(request.url())
    if (protocol.startsWith('http') && host !== new URL(pageBase).host) page.problems.push(`asks ${host}`)
  })
  if (as) {
    await page.goto(`${pageBase}${at}#token=${as}`)
    await page.getByRole('navigation', { name: 'Screens' }).waitFor()
    return page
  }
  if (person === undefined) {
    await page.goto(`${pageBase}/operations#token=${token}`)
    await page.getByRole('option').first().waitFor()
    return page
  }
  await page.goto(pageBase)
  await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor()
  if (person) await signIn(page, person)
  return page
}

/** Signs a person of the demo in, on the page that does so. */
export async function signIn(page, person, password = PASSWORD) {
  await page.getByLabel('Organisation').fill(TENANT)
  await page.getByLabel('E-mail').fill(`${person}@demo.example`)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  if (password === PASSWORD) await page.getByRole('navigation', { name: 'Screens' }).waitFor()
}

/** A call of the API by whoever is signed in on the page. */
export async function callAs(page, method, path, body) {
  return page.evaluate(async ({ method, path, body }) => {
    const response = await fetch(path, { method, headers: { 'Content-Type': 'application/json' }, body: body && JSON.stringify(body) })
    if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`)
    return response.json()
  }, { method, path, body })
}

/** Opens another address as a link of the page does, without loading the page again. */
export async function go(page, path) {
  await page.evaluate((path) => {
    history.pushState(null, '', path)
    dispatchEvent(new PopStateEvent('popstate'))
  }, path)
}

function call(path, options = {}, by = token) {
  const headers = { Authorization: `Bearer ${by}`, 'Content-Type': 'application/json' }
  return fetch(`${base}${path}`, { headers, ...options })
}

/** What a command of the product is told, to call the demo's server. */
export const commandEnvironment = { ATLASMESH_URL: base, ATLASMESH_TOKEN: token }

/** A call of the API, beside the page. */
export async function api(path, body) {
  const response = await call(path, body ? { method: 'POST', body: JSON.stringify(body) } : {})
  return response.json()
}

/** A call of the API by another token, whose answer must be a success. */
export async function ask(by, method, path, body) {
  const response = await call(path, { method, ...(body ? { body: JSON.stringify(body) } : {}) }, by)
  const text = await response.text()
  if (!response.ok) throw new Error(`${method} ${path}: ${text}`)
  return text ? JSON.parse(text) : null
}

/** A tenant of its own in which a sector is in force, with a site; answers the token of its administrator. */
export async function makeTenant(sector, site, network) {
  const name = `${sector}-${Date.now() % 10_000_000}`
  const { token: administrator } = await ask(platformToken, 'POST', '/v1/tenants', { name, sector, simulated: true })
  await ask(platformToken, 'PUT', `/v1/tenants/${name}/subscription`, { plan: sector === 'defense' ? 'sovereign' : 'professional', sectors: [sector], reason: 'Journey of the tests' })
  await ask(administrator, 'POST', `/v1/sectors/${sector}/activate`, { reason: 'Journey of the tests' })
  await ask(administrator, 'PUT', `/v1/sites/${site}/map`, network)
  return administrator
}

/** Repeats a query, after each event of the journal, until its result is truthy. */
export async function waitFor(description, query) {
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const events = (await call('/v1/events', { signal })).body.getReader()
  try {
    for (;;) {
      const result = await query()
      if (result) return result
      await events.read()
    }
  } catch (error) {
    throw signal.aborted ? new Error(`not within ${TIMEOUT_MS / 1000} s: ${description}`) : error
  } finally {
    events.cancel().catch(() => {})
  }
}

/** Kills the server without a shutdown; resolves once the demo has restarted it. */
export async function killServer() {
  const pid = () => { try { return readJson('server/endpoints.json').pid } catch { return null } }
  const before = pid()
  const changes = watch(join(demo, 'server'), { signal: AbortSignal.timeout(TIMEOUT_MS) })
  process.kill(before, 'SIGKILL')
  for await (const _ of changes) if (![before, null].includes(pid())) return
}

/** Waits until the map has drawn its roads and does not move. */
export async function mapDrawn(page) {
  await page.waitForFunction(() => globalThis.atlasmesh?.isDrawn())
}

export async function screenshot(page, name) {
  if (!screenshotDir) return
  mkdirSync(screenshotDir, { recursive: true })
  await page.screenshot({ path: join(screenshotDir, `${name}.png`) })
}

export async function clickMap(page, position) {
  const { x, y } = await page.evaluate((position) => globalThis.atlasmesh.pixel(position), position)
  await page.mouse.click(x, y)
}

/** The midpoint of the longest segment of a named road that no panel covers. */
export async function visibleRoad(page) {
  const road = await page.waitForFunction(() => {
    const { pixel, roads } = globalThis.atlasmesh
    const midpoints = roads().filter(({ name }) => name).map(({ points: [a, b] }) => {
      const [from, to] = [pixel(a), pixel(b)]
      return { lat: (a.lat + b.lat) / 2, lon: (a.lon + b.lon) / 2, px: Math.hypot(from.x - to.x, from.y - to.y) }
    })
    const visible = midpoints.filter((midpoint) => { const { x, y } = pixel(midpoint); return x > 500 && x < 880 && y > 250 && y < 700 })
    return visible.sort((a, b) => b.px - a.px)[0]
  })
  return road.jsonValue()
}
