// What the journeys share: a browser that reaches nothing but the server under test, and the API to look behind the page.
//
// ATLASMESH_PAGE is the server's address and ATLASMESH_TOKEN a token of the demo's tenant. ATLASMESH_SHOTS, if set, is a
// folder that gets a picture of every stop on the way, for people to look at.
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

export const base = process.env.ATLASMESH_PAGE ?? 'http://127.0.0.1:8080'
const token = process.env.ATLASMESH_TOKEN ?? ''
const shots = process.env.ATLASMESH_SHOTS

/** Debian's Chromium, or the one that is named. Its own software draws the map where there is no graphics card. */
const PROGRAMS = [process.env.ATLASMESH_CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser'].filter(Boolean)
const ARGUMENTS = [
  '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync',
  '--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader',
]

export async function launch() {
  const executablePath = PROGRAMS.find((path) => existsSync(path))
  if (!executablePath) throw new Error('there is no Chromium: install the package chromium, or name it in ATLASMESH_CHROMIUM')
  return chromium.launch({ executablePath, args: ARGUMENTS })
}

/** A page that is signed in and shows the fleet. `problems` gathers what a user would not see but we must. */
export async function open(browser, { width = 1440, height = 900, dark = false, at = '' } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? 'dark' : 'light', hasTouch: width < 600 })
  const page = await context.newPage()
  page.setDefaultTimeout(30_000)
  page.problems = []
  page.on('pageerror', (error) => page.problems.push(error.stack ?? error.message))
  page.on('console', (message) => {
    const text = message.text()
    // Streams that the server does not offer are asked for once; software drawing warns of itself.
    if (message.type() === 'error' && !/Failed to load resource|WebSocket/.test(text)) page.problems.push(text)
  })
  page.on('request', (request) => {
    const { host, protocol } = new URL(request.url())
    if (protocol.startsWith('http') && host !== new URL(base).host) page.problems.push(`asks ${host}`)
  })
  await page.goto(`${base}/#token=${token}`)
  await page.getByRole('option').first().waitFor()
  if (at) await page.evaluate((hash) => { location.hash = hash }, at)
  return page
}

/** A call of the API, beside the page. */
export async function api(path, body) {
  const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
  const response = await fetch(`${base}${path}`, { headers, ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}) })
  return response.json()
}

/** Asks until the answer is there. */
export async function until(what, ask, limitMs = 60_000) {
  const end = Date.now() + limitMs
  for (;;) {
    const answer = await ask()
    if (answer) return answer
    if (Date.now() > end) throw new Error(`not within ${limitMs / 1000} s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
}

/** The map has drawn its roads and nothing is under way. */
export async function drawn(page) {
  await page.waitForFunction(() => globalThis.atlasmesh?.map?.areTilesLoaded() && !globalThis.atlasmesh.map.isMoving(), null, { timeout: 60_000 })
}

export async function picture(page, name) {
  if (!shots) return
  mkdirSync(shots, { recursive: true })
  await page.screenshot({ path: join(shots, `${name}.png`) })
}

/** Where a place is on the screen. */
export function pixel(page, { lat, lon }) {
  return page.evaluate(([lon, lat]) => globalThis.atlasmesh.map.project([lon, lat]), [lon, lat])
}
