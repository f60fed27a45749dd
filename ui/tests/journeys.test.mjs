// What people come to the page for, done as they do it: with keys and pointer, on a live fleet.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { AxeBuilder } from '@axe-core/playwright'
import { api, drawn, launch, open, picture, pixel, until } from './browser.mjs'

let browser
before(async () => { browser = await launch() })
after(async () => { await browser?.close() })

/** No fault of the page, nobody else asked, nothing that a screen reader stumbles over. */
async function sound(page) {
  assert.deepEqual(page.problems, [])
  const { violations } = await new AxeBuilder({ page }).exclude('.maplibregl-canvas-container').analyze()
  assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`), [])
}

for (const dark of [false, true]) {
  test(`look at the fleet, ${dark ? 'dark' : 'light'}`, async () => {
    const page = await open(browser, { dark })
    await drawn(page)
    assert.ok((await page.getByRole('option').count()) > 10)
    assert.ok(!page.url().includes('token'), 'the token left the address bar')
    await sound(page)
    await picture(page, `fleet-${dark ? 'dark' : 'light'}`)
    await page.keyboard.press('/')
    await page.keyboard.type('taxi-07')
    await page.getByRole('option', { name: /taxi-07/ }).waitFor()
    await page.keyboard.press('Enter')
    await page.keyboard.press('Enter')
    await page.getByRole('region', { name: 'taxi-07' }).waitFor()
    await drawn(page)
    await picture(page, `vehicle-${dark ? 'dark' : 'light'}`)
    await sound(page)
    await page.keyboard.press('Escape')
    await page.getByRole('region', { name: 'taxi-07' }).waitFor({ state: 'detached' })
    await page.context().close()
  })
}

test('read a trip’s whole story with the decision behind each step', async () => {
  const trip = await until('a trip that is done', async () => (await api('/v1/trips?status=COMPLETED&limit=1')).items[0])
  const page = await open(browser, { at: `#/trip/${trip.id}` })
  const story = page.getByRole('region', { name: 'Story' })
  await story.getByText(/asked for by/).waitFor()
  const steps = await story.getByRole('listitem').count()
  assert.ok(steps >= 6, `${steps} steps`)
  await story.getByText('Policy allows').first().click()
  await story.getByText(/facts/).first().click()
  await story.getByRole('table').first().waitFor()
  await drawn(page)
  await picture(page, 'story')
  await sound(page)
  await page.context().close()
})

test('ask for a trip on the map', async () => {
  const page = await open(browser)
  await drawn(page)
  await page.keyboard.press('t')
  await page.getByRole('region', { name: 'New trip' }).waitFor()
  await page.mouse.click(640, 380)
  await page.mouse.click(820, 620)
  await picture(page, 'trip-form')
  await sound(page)
  await page.getByRole('button', { name: 'Ask for the trip' }).click()
  await page.getByRole('region', { name: /Passenger trip/ }).waitFor()
  const id = new URL(page.url()).hash.split('/').at(-1)
  assert.equal((await api(`/v1/trips/${id}`)).id, id)
  await page.context().close()
})

test('a refusal shows the rule, the reason and the facts', async () => {
  const page = await open(browser)
  await drawn(page)
  await page.keyboard.press('t')
  await page.mouse.click(640, 380)
  await page.mouse.click(820, 620)
  await page.getByLabel('Kind').selectOption('haul')
  await page.getByLabel('Load, kg').fill('90000')
  await page.getByRole('button', { name: 'Ask for the trip' }).click()
  const refusal = page.getByTestId('refusal')
  await refusal.waitFor()
  await picture(page, 'refusal')
  await refusal.getByText(/^(base|sector|ride-hail|sectors)\./).first().waitFor()
  await refusal.getByRole('table').waitFor()
  await sound(page)
  await page.context().close()
})

test('close a road with a preview, and open it again', async () => {
  const page = await open(browser)
  await drawn(page)
  await page.keyboard.press('c')
  const road = await page.evaluate(() => {
    // A road in the middle of the map that is long enough to be hit.
    const { map } = globalThis.atlasmesh
    const lines = map.querySourceFeatures('roads', { sourceLayer: 'roads' }).filter(({ geometry, properties }) => geometry.type === 'LineString' && properties.name)
    const places = lines.map(({ geometry }) => geometry.coordinates).map((line) => {
      const [a, b] = [line[0], line[1]]
      return { lon: (a[0] + b[0]) / 2, lat: (a[1] + b[1]) / 2, px: Math.hypot(map.project(a).x - map.project(b).x, map.project(a).y - map.project(b).y) }
    })
    const inside = places.filter(({ lon, lat }) => { const { x, y } = map.project([lon, lat]); return x > 500 && x < 880 && y > 250 && y < 700 })
    return inside.sort((a, b) => b.px - a.px)[0]
  })
  const { x, y } = await pixel(page, road)
  await page.mouse.click(x, y)
  await page.getByTestId('preview').waitFor()
  const reason = `Water main ${Date.now() % 100000}`
  await page.getByLabel('Reason').fill(reason)
  await page.getByTestId('preview').getByText(/^[1-9]\d* roads?,/).waitFor()
  await picture(page, 'close-road')
  await sound(page)
  await page.getByRole('button', { name: 'Close the road' }).click()
  const row = page.getByRole('listitem').filter({ hasText: reason })
  await row.getByText(/^In force on (\d+) of \1 vehicles$/).waitFor()
  await drawn(page)
  await picture(page, 'closed')
  await row.getByRole('button', { name: 'Reopen' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Reopen' }).click()
  await row.waitFor({ state: 'detached' })
  assert.deepEqual(page.problems, [])
  await page.context().close()
})

test('draw a zone and see what it touches first', async () => {
  const page = await open(browser)
  await drawn(page)
  await page.keyboard.press('z')
  for (const [x, y] of [[560, 300], [820, 320], [840, 560], [600, 580]]) await page.mouse.click(x, y)
  await page.keyboard.press('Enter')
  const name = `Fair ${Date.now() % 100000}`
  await page.getByLabel('Name').fill(name)
  await page.getByTestId('preview').getByText(/^[1-9]\d* roads,/).waitFor()
  await picture(page, 'zone')
  await sound(page)
  await page.getByRole('button', { name: 'Draw the zone' }).click()
  const row = page.getByRole('listitem').filter({ hasText: name })
  await row.getByRole('button', { name: 'Remove' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
  await row.waitFor({ state: 'detached' })
  await page.context().close()
})

test('safe-stop asks back, names the vehicle and the class, and is cleared', async () => {
  const page = await open(browser)
  const vehicle = (await until('a vehicle that may be stopped', async () => (await api('/v1/vehicles?limit=100')).items.filter(({ stop, status }) => !stop && status === 'ONLINE'))).at(-1)
  await page.evaluate((id) => { location.hash = `#/vehicle/${id}` }, vehicle.id)
  await page.getByRole('region', { name: vehicle.name }).waitFor()
  await page.keyboard.press('s')
  const dialog = page.getByRole('dialog', { name: `Safe-stop ${vehicle.name}?` })
  await dialog.waitFor()
  await dialog.getByLabel('Reason').fill('Journey of the tests')
  await dialog.getByRole('button', { name: `Stop ${vehicle.name}, nearest place` }).waitFor()
  await picture(page, 'safe-stop')
  await sound(page)
  await page.keyboard.press('Enter')
  await page.getByText('Stop in force').waitFor()
  await page.getByRole('tab', { name: /Alerts/ }).click()
  await page.getByText(`${vehicle.name}: stop in force`).waitFor()
  await picture(page, 'stopped')
  await sound(page)
  await page.keyboard.press('s')
  await page.getByRole('dialog').getByRole('button', { name: 'Clear the stop' }).click()
  await until('the stop to be cleared', async () => !(await api(`/v1/vehicles/${vehicle.id}`)).stop)
  await page.context().close()
})

test('a lost server is told, and comes back by itself', async () => {
  const page = await open(browser)
  await drawn(page)
  await page.context().setOffline(true)
  await page.getByTestId('lost').waitFor()
  await picture(page, 'lost')
  await page.context().setOffline(false)
  await page.getByTestId('lost').waitFor({ state: 'detached' })
  assert.deepEqual(page.problems, [])
  await page.context().close()
})

test('a narrow window shows and does the same', async () => {
  const page = await open(browser, { width: 390, height: 844 })
  await drawn(page)
  await picture(page, 'narrow')
  await sound(page)
  await page.getByRole('option').first().click()
  await page.getByRole('button', { name: /Safe-stop|Clear the stop/ }).waitFor()
  await drawn(page)
  await picture(page, 'narrow-vehicle')
  await page.getByRole('button', { name: 'Close', exact: true }).click()
  await page.getByRole('button', { name: 'New trip' }).click()
  await page.mouse.click(120, 180)
  await page.mouse.click(290, 300)
  await page.getByRole('button', { name: 'Ask for the trip' }).isEnabled()
  await picture(page, 'narrow-trip')
  await sound(page)
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)
  assert.ok(!wide, 'nothing is wider than the window')
  await page.context().close()
})
