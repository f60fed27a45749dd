// End-to-end tests of the page's user journeys, with keyboard and pointer, on a live fleet.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { api, callAs, clickMap, go, killServer, mapDrawn, screenshot, signIn, visibleRoad, waitFor } from './browser.mjs'
import './compliance.mjs'
import './evidence.mjs'
import { assertNoProblems, journey, withPage } from './journey.mjs'
import './maintenance.mjs'
import './onboarding.mjs'
import './people.mjs'
import './policies.mjs'
import './sector.mjs'
import './sector-work.mjs'
import './security.mjs'
import './updates.mjs'

journey('each screen is one click away, has an address, and Back returns', {}, async (page) => {
  const screens = page.getByRole('navigation', { name: 'Screens' })
  const { id, name } = (await api('/v1/vehicles?limit=1')).items[0]
  for (const label of ['Inbox', 'Vehicles', 'Trips', 'Updates', 'Maintenance', 'Security', 'Evidence', 'Policies', 'Sector', 'Settings']) {
    await screens.getByRole('link', { name: label }).click()
    await page.getByRole('heading', { level: 1, name: label }).waitFor()
    assert.equal(new URL(page.url()).pathname, `/${label.toLowerCase()}`)
    await screenshot(page, `screen-${label.toLowerCase()}`)
    await assertNoProblems(page)
  }
  await page.goBack()
  await page.getByRole('heading', { level: 1, name: 'Sector' }).waitFor()
  await page.goto(new URL(`/vehicles/${id}`, page.url()).href)
  await page.getByRole('heading', { level: 1, name }).waitFor()
  await page.getByRole('region', { name: 'Story' }).getByRole('listitem').first().waitFor()
  await screenshot(page, 'vehicle-page')
  await assertNoProblems(page)
})

journey('a vehicle is found and its stop is asked for by keyboard alone, on any screen', {}, async (page) => {
  const { name } = (await api('/v1/vehicles?limit=1')).items[0]
  await go(page, '/settings/profile')
  await page.getByRole('heading', { level: 1, name: 'Settings' }).waitFor()
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox', { name: 'Search and commands' }).waitFor()
  await page.keyboard.type(name)
  await screenshot(page, 'palette')
  await assertNoProblems(page)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name }).waitFor()
  await page.keyboard.press('s')
  await page.getByRole('dialog', { name: `Stop ${name}?` }).waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
})

journey('the inbox has who needs a person, and the request is answered from there', {}, async (page) => {
  const { vehicle } = await waitFor('a vehicle that asks', async () => (await api('/v1/assistance')).items.find(({ lease }) => !lease))
  const { name } = await api(`/v1/vehicles/${vehicle}`)
  await go(page, '/inbox')
  const queue = page.getByRole('region', { name: /^Requests for assistance/ })
  await queue.getByRole('button', { name: new RegExp(`${name}:`) }).click()
  await page.getByRole('region', { name: 'Assistance request' }).getByRole('button', { name: /^Take/ }).waitFor()
  await screenshot(page, 'inbox')
})

for (const theme of ['light', 'dark']) {
  journey(`look at the fleet, ${theme}`, { dark: theme === 'dark', motion: theme === 'dark' ? 'reduce' : 'no-preference' }, async (page) => {
    await mapDrawn(page)
    assert.ok((await page.getByRole('option').count()) > 10)
    assert.ok(!page.url().includes('token'), 'the token left the address bar')
    // The page exposes functions only to the console, because an object could lead to the token.
    const exposed = await page.evaluate(() => Object.entries(globalThis.atlasmesh).map(([name, value]) => `${name}: ${typeof value}`))
    assert.deepEqual(exposed, ['isDrawn: function', 'pixel: function', 'roads: function'])
    await assertNoProblems(page)
    await screenshot(page, `fleet-${theme}`)
    await page.keyboard.press('/')
    await page.locator('#search:focus').waitFor()
    await page.keyboard.type('taxi-07')
    await page.getByRole('option', { name: /taxi-07/ }).waitFor()
    await page.keyboard.press('Enter')
    await page.keyboard.press('Enter')
    const vehicle = page.getByRole('region', { name: 'taxi-07' })
    await vehicle.waitFor()
    await mapDrawn(page)
    await screenshot(page, `vehicle-${theme}`)
    await assertNoProblems(page)
    await page.keyboard.press('Escape')
    await vehicle.waitFor({ state: 'detached' })
  })
}

/** The newest trip that matches a query, as soon as there is one. */
async function findTrip(description, query) {
  return waitFor(description, async () => (await api(`/v1/trips?limit=1${query}`)).items[0])
}

journey('read a trip’s whole story with the decision behind each step', {}, async (page) => {
  const trip = await findTrip('a trip that is done', '&status=COMPLETED')
  await go(page, `/operations/trips/${trip.id}`)
  const story = page.getByRole('region', { name: 'Story' })
  await story.getByText(/asked for by/).waitFor()
  const steps = await story.getByRole('listitem').count()
  assert.ok(steps >= 6, `${steps} steps`)
  for (const summary of ['Policy allows', /facts/]) await story.locator('summary').filter({ hasText: summary }).first().press('Enter')
  await story.getByRole('table').first().waitFor()
  await mapDrawn(page)
  await screenshot(page, 'story')
})

/** Opens the form of a new trip with the stops of an existing one, which the map shows. */
async function fillTripForm(page) {
  const { id, stops } = await findTrip('a trip', '')
  await go(page, `/operations/trips/${id}`)
  await page.getByRole('region', { name: 'Story' }).waitFor()
  await mapDrawn(page)
  await page.keyboard.press('t')
  const form = page.getByRole('region', { name: 'New trip' })
  await form.waitFor()
  for (const { at } of [stops[0], stops.at(-1)]) await clickMap(page, at)
  await form.getByText('of driving').waitFor()
  return form
}

journey('ask for a trip on the map', {}, async (page) => {
  const form = await fillTripForm(page)
  await screenshot(page, 'trip-form')
  await assertNoProblems(page)
  await form.getByRole('button', { name: 'Request trip' }).click()
  await form.waitFor({ state: 'detached' })
  await page.getByRole('region', { name: /Passenger trip/ }).waitFor()
  const id = new URL(page.url()).pathname.split('/').at(-1)
  assert.equal((await api(`/v1/trips/${id}`)).id, id)
})

journey('a refusal shows the rule, the reason and the facts', { expects: /status of 403/ }, async (page) => {
  const form = await fillTripForm(page)
  await form.getByLabel('Kind').selectOption('haul')
  await form.getByLabel('Load, kg').fill('90')
  await form.getByRole('button', { name: 'Request trip' }).click()
  const refusal = page.getByTestId('refusal')
  await refusal.waitFor()
  await screenshot(page, 'refusal')
  await refusal.getByText(/^(base|sector|ride-hail|sectors)\./).first().waitFor()
  await refusal.getByRole('table').waitFor()
})

journey('close a road with a preview, and open it again', {}, async (page) => {
  await mapDrawn(page)
  await page.keyboard.press('c')
  await page.getByRole('region', { name: 'Close a road' }).waitFor()
  await clickMap(page, await visibleRoad(page))
  await page.getByTestId('preview').getByText(/^[1-9]\d* roads?,/).waitFor()
  const reason = `Water main ${Date.now() % 100000}`
  await page.getByLabel('Reason').fill(reason)
  await screenshot(page, 'close-road')
  await assertNoProblems(page)
  await page.getByRole('button', { name: 'Close the road' }).click()
  const row = page.getByRole('listitem').filter({ hasText: reason })
  await row.getByText(/^In force on (\d+) of \1 vehicles$/).waitFor()
  await mapDrawn(page)
  await screenshot(page, 'closed')
  await assertNoProblems(page)
  await row.getByRole('button', { name: 'Reopen' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Reopen' }).click()
  await row.waitFor({ state: 'detached' })
})

journey('draw a zone and see what it touches first', {}, async (page) => {
  await mapDrawn(page)
  await page.keyboard.press('z')
  await page.getByRole('region', { name: 'Draw a zone' }).waitFor()
  for (const [n, [x, y]] of [[560, 300], [820, 320], [840, 560], [600, 580]].entries()) {
    await page.mouse.click(x, y)
    await page.getByText(`${n + 1} so far.`).waitFor()
  }
  await page.keyboard.press('Enter')
  const name = `Fair ${Date.now() % 100000}`
  await page.getByLabel('Name').fill(name)
  await page.getByTestId('preview').getByText(/^[1-9]\d* roads,/).waitFor()
  await screenshot(page, 'zone')
  await assertNoProblems(page)
  await page.getByRole('button', { name: 'Draw the zone' }).click()
  const row = page.getByRole('listitem').filter({ hasText: name })
  await row.getByRole('button', { name: 'Remove' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
  await row.waitFor({ state: 'detached' })
})

journey('limit the speed in an area, and take it back', {}, async (page) => {
  await mapDrawn(page)
  await page.keyboard.press('Control+k')
  await page.keyboard.type('Limit the speed')
  await page.getByRole('option', { name: 'Limit the speed in an area', selected: true }).waitFor()
  await page.keyboard.press('Enter')
  const form = page.getByRole('region', { name: 'Limit the speed' })
  await form.waitFor()
  for (const [n, [x, y]] of [[560, 300], [820, 320], [840, 560], [600, 580]].entries()) {
    await page.mouse.click(x, y)
    await page.getByText(`${n + 1} so far.`).waitFor()
  }
  await page.keyboard.press('Enter')
  const reason = `Works ${Date.now() % 100000}`
  await form.getByLabel('At most (km/h)').fill('18')
  await form.getByLabel('Reason').fill(reason)
  await page.getByTestId('preview').getByText(/^[1-9]\d* roads,/).waitFor()
  await screenshot(page, 'speed-limit')
  await assertNoProblems(page)
  await form.getByRole('button', { name: 'Limit the speed' }).click()
  const row = page.getByRole('listitem').filter({ hasText: `18 km/h: ${reason}` })
  await row.getByText(/^In force on (\d+) of \1 vehicles$/).waitFor()
  const { items } = await api('/v1/sites/coquimbo/speed-limits')
  assert.equal(items.find((limit) => limit.reason === reason).max_speed_mps, 5)
  await screenshot(page, 'speed-limit-listed')
  await assertNoProblems(page)
  await row.getByRole('button', { name: 'Remove' }).click()
  await page.getByRole('dialog', { name: 'Remove this speed limit?' }).getByRole('button', { name: 'Remove' }).click()
  await row.waitFor({ state: 'detached' })
})

for (const [width, height, dark] of [[1440, 900, false], [390, 844, true]]) {
  const look = `${width}-${dark ? 'dark' : 'light'}`
  journey(`a trip is replayed, visibly not live and without commands, ${look}`, { width, height, dark }, async (page) => {
    const { id } = await findTrip('a trip that is over', '&status=COMPLETED')
    await go(page, `/trips/${id}`)
    const stop = page.getByRole('banner').getByRole('button', { name: /^Stop/ })
    await stop.waitFor()
    await page.getByRole('link', { name: 'Replay', exact: true }).click()
    await page.getByRole('note').getByText('Nothing here is live, and no command can be given.').waitFor()
    await page.getByRole('banner').getByText('Replay, not live').waitFor({ state: 'attached' })
    await mapDrawn(page)
    const time = page.getByTestId('replay-time')
    const began = await time.innerText()
    assert.equal(await stop.count(), 0)
    for (const key of ['s', 't']) await page.keyboard.press(key)
    assert.equal(await page.getByRole('dialog').count(), 0)
    assert.match(page.url(), /replay$/)
    const slider = page.getByRole('slider', { name: 'Time' })
    await slider.focus()
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('ArrowRight')
    assert.notEqual(await time.innerText(), began)
    await screenshot(page, `replay-${look}`)
    await assertNoProblems(page)
    await page.getByLabel('Speed of the replay').selectOption('20')
    await page.getByRole('button', { name: 'Play' }).click()
    await page.getByRole('button', { name: 'Again' }).waitFor()
    const ended = await time.innerText()
    await page.getByRole('region', { name: 'Story' }).getByRole('button').nth(2).click()
    assert.notEqual(await time.innerText(), ended)
    await page.getByRole('link', { name: 'Leave the replay' }).click()
    await stop.waitFor()
  })
}

journey('a stop is two keys or one press, and asks why afterwards', {}, async (page) => {
  const { id, name } = await waitFor('a vehicle that may be stopped', async () =>
    (await api('/v1/vehicles?limit=100')).items.findLast(({ stop, status }) => !stop && status === 'ONLINE'))
  const currentStop = async () => (await api(`/v1/vehicles/${id}`)).stop
  await go(page, `/operations/vehicles/${id}`)
  const panel = page.getByRole('region', { name })
  await panel.waitFor()
  await page.keyboard.press('s')
  await page.getByRole('dialog', { name: `Stop ${name}?` }).waitFor()
  await screenshot(page, 'stop')
  await assertNoProblems(page)
  assert.equal(await currentStop(), null)
  await page.keyboard.press('s')
  const why = page.getByRole('dialog', { name: `Why was ${name} stopped?` })
  await why.getByText(/^The stop of .* (is sent|waits)/).waitFor()
  // The stop is in force before its reason is written.
  assert.equal((await currentStop()).class, 'nearest_admissible')
  await screenshot(page, 'stop-why')
  await assertNoProblems(page)
  await page.keyboard.type('Journey of the tests')
  await page.keyboard.press('Enter')
  await why.waitFor({ state: 'detached' })
  await panel.getByText(/Stop in force.*Journey of the tests/).waitFor()
  await page.getByRole('tab', { name: /Alerts/ }).click()
  const alert = page.getByText(`${name}: stop in force`)
  await alert.waitFor()
  await screenshot(page, 'stopped')
  await assertNoProblems(page)
  // A vehicle that drives to the nearest place can still be stopped now, and the reason is optional at first.
  const countStops = async () => (await api(`/v1/vehicles/${id}/commands`)).items.filter(({ kind }) => kind === 'stop').length
  const stopsBefore = await countStops()
  await panel.getByRole('button', { name: `Stop ${name} now` }).click()
  await why.waitFor()
  await page.keyboard.press('Escape')
  await why.waitFor({ state: 'detached' })
  assert.equal(await countStops(), stopsBefore + 1)
  for (let first = await currentStop(); first; first = await currentStop()) {
    await panel.getByRole('button', { name: 'Clear the stop' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Clear the stop' }).click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
  }
  await alert.waitFor({ state: 'detached' })
})

journey('a vehicle is stopped where its trip ends, and goes on when it is told', {}, async (page) => {
  const { id, name, claim } = await waitFor('the stop of a vehicle that carries', async () => {
    const trip = (await api('/v1/trips?limit=1&status=ON_TRIP')).items[0]
    const vehicle = trip && (await api(`/v1/vehicles/${trip.vehicle}`))
    if (!vehicle || vehicle.stop) return null
    await go(page, `/operations/vehicles/${vehicle.id}`)
    await page.getByRole('region', { name: vehicle.name }).waitFor()
    await page.keyboard.press('s')
    const dialog = page.getByRole('dialog', { name: `Stop ${vehicle.name}?` })
    await dialog.waitFor()
    // Its trip may have ended meanwhile: then another one.
    if (await dialog.getByRole('button', { name: 'Stop there' }).isVisible()) return vehicle
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'detached' })
    return null
  })
  await screenshot(page, 'stop-at-place')
  // A letter in the list chooses a place; it stops nothing.
  await page.getByLabel(/^A place of its/).press('s')
  assert.ok(await page.getByRole('dialog', { name: `Stop ${name}?` }).isVisible())
  await page.getByRole('button', { name: 'Stop there' }).press('p')
  const why = page.getByRole('dialog', { name: `Why was ${name} stopped?` })
  await why.getByText(/^The stop of .* (is sent|waits)/).waitFor()
  const { stop } = await api(`/v1/vehicles/${id}`)
  const { stops } = await api(`/v1/trips/${claim.trip}`)
  assert.deepEqual([stop.class, stop.place], ['at_place', stops.at(-1).at])
  await page.keyboard.press('Escape')
  await why.waitFor({ state: 'detached' })
  await api(`/v1/vehicles/${id}/clear`, { stop: stop.id })
  await waitFor('its trip is over', async () => {
    const { status } = await api(`/v1/trips/${claim.trip}`)
    if (['COMPLETED', 'CANCELLED', 'FAILED'].includes(status)) return true
    // Refused while it still rolls to the place.
    if (status === 'SAFE_STOPPED') await api(`/v1/trips/${claim.trip}/resume`, { reason: 'Journey of the tests' })
    return false
  })
})

/** Requests more scheduled trips than the page reads of the newest; resolves to a function that cancels them. */
async function requestNewerTrips() {
  const { site, stops } = await findTrip('a trip that was possible', '&status=COMPLETED')
  const window = { earliest: new Date(Date.now() + 6 * 3_600_000).toISOString() }
  const request = { site, kind: 'passenger', origin: stops[0].at, destination: stops.at(-1).at, window }
  const newer = []
  for (let n = 0; n < 201; n++) newer.push((await api('/v1/trips', request)).id)
  return async () => { for (const id of newer) await api(`/v1/trips/${id}/cancel`, { reason: 'Only for a journey' }) }
}

const findAssistanceRequest = () => waitFor('a vehicle that asks', async () => (await api('/v1/assistance')).items[0])

journey('who needs a person is shown behind any number of younger trips, also after a reconnect',
  { expects: /Failed to load resource|WebSocket/ }, async (page) => {
    const { trip, vehicle } = await findAssistanceRequest()
    const { name } = await api(`/v1/vehicles/${vehicle}`)
    const cancelNewer = await requestNewerTrips()
    assert.ok((await api('/v1/trips?limit=200')).items.every(({ id }) => id !== trip), 'it is not among the newest')
    const assertAlarm = async () => {
      await page.getByRole('button', { name: /^[1-9]\d*\s*Stopped$/ }).waitFor()
      await page.getByRole('tab', { name: 'Alerts' }).click()
      await page.getByText(`Trip ${trip.slice(-6)} needs a person`).waitFor()
      await page.getByRole('tab', { name: 'Vehicles' }).click()
      await page.getByRole('option', { name: new RegExp(`${name}.*Stopped`) }).waitFor()
    }
    await page.reload()
    await assertAlarm()
    await page.context().setOffline(true)
    await page.getByTestId('lost').waitFor()
    const read = page.waitForResponse(/v1\/trips\?.*status=AWAITING_ASSIST/)
    await page.context().setOffline(false)
    await page.getByTestId('lost').waitFor({ state: 'detached' })
    await read
    await assertAlarm()
    await screenshot(page, 'asks-behind-many')
    await cancelNewer()
  })

journey('a trip that waits for a person whose request is not listed yet shows both as soon as it is', {}, async (page) => {
  const { trip } = await findAssistanceRequest()
  let unlisted = 3
  await page.route(/v1\/assistance\?/, (route) => (unlisted-- > 0 ? route.fulfill({ json: { items: [], next: null } }) : route.continue()))
  await page.goto(new URL(`/operations/trips/${trip}`, page.url()).href)
  const request = page.getByRole('region', { name: 'Assistance request' })
  await request.getByText('Loading the request…').waitFor()
  await request.getByRole('button', { name: /Take it/ }).waitFor()
  assert.ok(unlisted < 0)
})

journey('a vehicle that asks for a person is answered, and goes on', {}, async (page) => {
  const { trip } = await waitFor('a vehicle that asks', async () =>
    (await api('/v1/assistance')).items.find(({ kind }) => kind === 'OBSTACLE'))
  await go(page, `/operations/trips/${trip}`)
  const request = page.getByRole('region', { name: 'Assistance request' })
  await request.getByRole('button', { name: 'Take it' }).click()
  await request.getByText(/^Yours until/).waitFor()
  await request.getByText('What the vehicle knows').click()
  await request.getByText('OBSTACLE', { exact: true }).waitFor()
  await mapDrawn(page)
  await screenshot(page, 'assist')
  await assertNoProblems(page)
  await request.getByLabel('Reason').fill('The branch is to the side')
  await request.getByRole('button', { name: 'Proceed' }).click()
  await request.waitFor({ state: 'detached' })
  await page.getByRole('region', { name: 'Story' }).getByText('the vehicle will go on').first().waitFor()
})

journey('a lost server is told, and comes back by itself', { expects: /Failed to load resource|WebSocket/ }, async (page) => {
  await mapDrawn(page)
  const lost = page.getByTestId('lost')
  // The demo restarts the server before the page shows a lost connection, so the browser is offline for longer.
  await page.context().setOffline(true)
  const restarted = killServer()
  await lost.waitFor()
  await screenshot(page, 'lost')
  await assertNoProblems(page)
  await restarted
  await page.context().setOffline(false)
  await lost.waitFor({ state: 'detached' })
  // The page has read the fleet again, so that the newest trip can be opened.
  const { id } = await findTrip('a trip', '')
  await go(page, `/operations/trips/${id}`)
  await page.getByRole('region', { name: 'Story' }).getByText(/asked for by/).waitFor()
})

/** Counts of four digits fit into the bar, and the bar into the window. */
async function assertCountsFit(page) {
  const overflowing = await page.locator('.states-bar').evaluate(async (bar) => {
    const counts = [...bar.querySelectorAll('.states b')]
    for (const { firstChild } of counts) firstChild.data = '2345'
    // The bar may grow, and the panels below it move within the next frames.
    for (let frame = 0; frame < 3; frame++) await new Promise(requestAnimationFrame)
    const [barBox, listsBox] = [bar.getBoundingClientRect(), document.querySelector('.lists').getBoundingClientRect()]
    const overflows = ({ left, right, top, bottom }) => left < barBox.left || right > barBox.right || top < barBox.top || bottom > barBox.bottom
    return [
      ...counts.map((count) => count.parentElement).filter((state) => overflows(state.getBoundingClientRect())).map(({ textContent }) => textContent),
      ...(barBox.right > innerWidth ? ['the bar'] : []), ...(listsBox.top < barBox.bottom ? ['the lists'] : []),
    ]
  })
  assert.deepEqual(overflowing, [])
}

for (const [width, height, dark] of [[390, 844, true], [1280, 800, false], [1280, 800, true], [1920, 1080, false], [1920, 1080, true]]) {
  journey(`the counts of all states are whole at ${width}, ${dark ? 'dark' : 'light'}`, { width, height, dark }, async (page) => {
    await mapDrawn(page)
    await screenshot(page, `counts-${width}-${dark ? 'dark' : 'light'}`)
    await assertCountsFit(page)
    await screenshot(page, `counts-${width}-${dark ? 'dark' : 'light'}-thousands`)
  })
}

journey('a narrow window shows and does the same', { width: 390, height: 844 }, async (page) => {
  await mapDrawn(page)
  await screenshot(page, 'narrow')
  await assertCountsFit(page)
  await assertNoProblems(page)
  await page.getByRole('option').first().click()
  await page.getByRole('button', { name: /^Stop .* now$|Clear the stop/ }).first().waitFor()
  await mapDrawn(page)
  await screenshot(page, 'narrow-vehicle')
  await assertNoProblems(page)
  await page.getByRole('button', { name: 'Close', exact: true }).click()
  await page.getByRole('button', { name: 'New trip' }).click()
  await page.getByRole('region', { name: 'New trip' }).waitFor()
  await page.mouse.click(120, 180)
  await page.mouse.click(290, 300)
  await page.getByRole('button', { name: 'Request trip', disabled: false }).waitFor()
  await screenshot(page, 'narrow-trip')
  const overflows = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)
  assert.ok(!overflows, 'nothing is wider than the window')
})

const findFreeVehicle = () => waitFor('a vehicle without a hold', async () =>
  (await api('/v1/vehicles?limit=100')).items.findLast(({ stop, holds, status }) => !stop && holds.length === 0 && status === 'ONLINE'))

journey('somebody else’s hold is released by two people', { person: 'dana' }, async (page) => {
  const { id, name } = await findFreeVehicle()
  const reason = `Oil on the floor ${Date.now() % 100000}`
  await withPage({ person: 'tomas' }, async (tomas) => {
    await callAs(tomas, 'POST', `/v1/vehicles/${id}/holds`, { kind: 'cleaning', timing: 'after_trip', reason })
    await go(tomas, `/vehicles/${id}`)
    await tomas.getByText(`by you: ${reason}`).waitFor()
    await tomas.getByRole('button', { name: 'Release', exact: true }).waitFor()
  })
  await go(page, `/vehicles/${id}`)
  const hold = page.getByText(`by tomas: ${reason}`)
  await hold.waitFor()
  await page.getByRole('button', { name: 'Ask for release…' }).click()
  const dialog = page.getByRole('dialog', { name: `Ask for release of the hold of ${name}?` })
  await dialog.getByLabel('Reason').fill('The floor is clean')
  await screenshot(page, 'ask-release')
  await assertNoProblems(page)
  await dialog.getByRole('button', { name: 'Ask for release' }).click()
  await dialog.waitFor({ state: 'detached' })
  await page.getByText(/^An approval waits: .*, asked by you\./).waitFor()
  await assertNoProblems(page)
  await page.getByRole('link', { name: 'Open the inbox' }).click()
  const approvalIn = (page) => page.getByRole('region', { name: /^Approvals/ }).getByRole('listitem').filter({ hasText: name })
  await approvalIn(page).getByText('You asked for it: somebody else decides.').waitFor()
  await withPage({ person: 'sofia' }, async (sofia) => {
    await go(sofia, '/inbox')
    await approvalIn(sofia).getByText(/^dana, dispatcher, asked/).waitFor()
    await screenshot(sofia, 'approval')
    await assertNoProblems(sofia)
    await approvalIn(sofia).getByRole('button', { name: 'Approve…' }).click()
    await sofia.getByRole('dialog').getByLabel('Reason').fill('I looked at it')
    await sofia.getByRole('dialog').getByRole('button', { name: 'Approve' }).click()
    await approvalIn(sofia).waitFor({ state: 'detached' })
  })
  await go(page, `/vehicles/${id}`)
  await page.getByRole('heading', { level: 1, name }).waitFor()
  await hold.waitFor({ state: 'detached' })
  assert.deepEqual((await api(`/v1/vehicles/${id}`)).holds, [])
  // The newest steps are first: the release stands above the hold.
  const sincePlaced = page.getByRole('region', { name: 'Story' }).locator(`li:has(~ li:has-text("${reason}"))`)
  await sincePlaced.getByText('vehicle.hold_released by you and sofia').waitFor()
})

/** Presses Tab until an element has the focus. */
async function tabTo(page, element) {
  for (let presses = 0; presses < 60; presses++) {
    if (await element.evaluate((node) => node === document.activeElement)) return
    await page.keyboard.press('Tab')
  }
  throw new Error(`not reached with Tab: ${element}`)
}

journey('the table of vehicles is filtered, sorted and exported by keyboard', { person: 'dana' }, async (page) => {
  await go(page, '/vehicles')
  const table = page.getByRole('region', { name: 'Vehicles' })
  await table.getByRole('link', { name: /^taxi-/ }).first().waitFor()
  await page.keyboard.press('/')
  await page.getByRole('searchbox', { name: 'Search vehicles' }).and(page.locator(':focus')).waitFor()
  await page.keyboard.type('taxi-0')
  const header = table.getByRole('columnheader', { name: 'Name' })
  await tabTo(page, header.getByRole('button'))
  await page.keyboard.press('Enter')
  assert.equal(await header.getAttribute('aria-sort'), 'descending')
  const names = (await api('/v1/vehicles?limit=1000')).items.map(({ name }) => name).filter((name) => name.includes('taxi-0')).sort().reverse()
  await tabTo(page, table.getByRole('button', { name: `Export ${names.length} rows as CSV` }))
  const downloading = page.waitForEvent('download')
  await page.keyboard.press('Enter')
  const [head, ...rows] = (await readFile(await (await downloading).path(), 'utf8')).trim().split('\r\n')
  assert.match(head, /^Name,State,Battery,/)
  assert.deepEqual(rows.map((row) => row.split(',')[0]), names)
  await screenshot(page, 'vehicles-filtered')
})

for (const [width, height] of [[1440, 900], [390, 844]]) {
  for (const dark of [false, true]) {
    const look = `${width}-${dark ? 'dark' : 'light'}`
    journey(`sign-in, inbox, users and system are accessible, ${look}`, { person: null, width, height, dark }, async (page) => {
      await screenshot(page, `sign-in-${look}`)
      await assertNoProblems(page)
      await signIn(page, 'adam')
      const { id } = await findFreeVehicle()
      const { id: hold } = await api(`/v1/vehicles/${id}/holds`, { kind: 'cleaning', timing: 'after_trip', reason: 'Only for a journey' })
      const asked = await callAs(page, 'POST', `/v1/vehicles/${id}/holds/${hold}/release`, { reason: 'Only for a journey' })
      for (const [path, shown] of [
        ['/inbox', page.getByRole('region', { name: /^Approvals/ })],
        ['/settings/users', page.getByRole('region', { name: 'Users' }).getByRole('row', { name: /^dana/ })],
        ['/settings/system', page.getByText('Version', { exact: true })],
      ]) {
        await go(page, path)
        await shown.waitFor()
        await screenshot(page, `${path.split('/').at(-1)}-${look}`)
        assert.doesNotMatch(await page.getByRole('main').innerText(), /NaN|undefined/)
        await assertNoProblems(page)
      }
      await api(`/v1/approvals/${asked.id}/approve`, { reason: 'Only for a journey' })
    })
  }
}
