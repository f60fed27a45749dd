// The journeys of the sectors' own work, each in a tenant of its own: the blast clock of a mine, jobs of a yard, service
// areas of a city, emission states and clearances of a unit.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ask, go, makeTenant, mapDrawn, screenshot } from './browser.mjs'
import { assertNoProblems, withPage } from './journey.mjs'

const SITE = 'town'
const [LAT, LON] = [-29.9, -71.25]
const place = (north, east) => ({ lat: LAT + north, lon: LON + east })
const coordinates = (...corners) => corners.map(({ lat, lon }) => `${lat.toFixed(5)}, ${lon.toFixed(5)}`).join('\n')
const SQUARE = [place(0, 0), place(0, 0.002), place(0.002, 0.002), place(0.002, 0)]

/** Two crossings and the street between them. */
const NETWORK = {
  nodes: `node_id,lon,lat,is_centroid\n0,${LON},${LAT},0\n1,${LON + 0.01},${LAT},0\n`,
  links: 'link_id,a_node,b_node,direction,distance_m,link_type,modes,speed_ab,speed_ba,lanes_ab,lanes_ba,name,osm_id,geometry_lonlat\n'
    + `1,0,1,0,965.0,residential,c,50,50,1,1,High Street,1,${LON} ${LAT};${LON + 0.01} ${LAT}\n`,
  no_stop: 'link_id,reason\n',
}

/** A journey in a tenant of a sector, with the token of its administrator and those of whoever else is named. */
function inSector(sector, name, run) {
  test(`${sector}: ${name}`, async () => {
    const administrator = await makeTenant(sector, SITE, NETWORK)
    await run(administrator, async (role, name) => (await ask(administrator, 'POST', '/v1/principals', { role, name })).token)
  })
}
const as = (token, at, run, options = {}) => withPage({ as: token, at, ...options }, run)
const pill = (page, text) => page.locator('.page-header').getByText(text, { exact: true })

/** Says an area by its corners. */
async function sayArea(page, corners) {
  await page.getByRole('button', { name: 'By coordinates' }).click()
  await page.getByLabel('Corners').fill(coordinates(...corners))
  await page.getByRole('button', { name: 'Take this area' }).click()
}

/** Takes the next step of a blast. */
async function step(page, button, { posts, found, state }) {
  await page.getByRole('button', { name: button }).click()
  const dialog = page.getByRole('dialog')
  if (posts) await dialog.getByLabel('Posts').fill(posts)
  if (found) await dialog.getByLabel('What was found').selectOption(found)
  await dialog.getByLabel('Reason, for the journal').fill('As announced')
  await dialog.locator('button[type=submit]').click()
  await dialog.waitFor({ state: 'detached' })
  await pill(page, state).waitFor()
}

inSector('mining', 'a blast is announced, cleared, guarded, fired by another, examined by another, and released', async (_, somebody) => {
  const [sam, sue] = [await somebody('safety_officer', 'sam'), await somebody('safety_officer', 'sue')]
  await as(sam, '/sector-work', async (page) => {
    await page.getByRole('heading', { level: 1, name: 'Blast clock' }).waitFor()
    await page.getByText('No blast is announced').waitFor()
    await page.getByRole('link', { name: 'Announce a blast…' }).first().click()
    await sayArea(page, SQUARE)
    await page.getByLabel('Name').fill('Bench 12')
    await screenshot(page, 'work-blast-plan')
    await assertNoProblems(page)
    await page.getByRole('button', { name: 'Announce it' }).click()
    await page.getByRole('heading', { level: 1, name: 'Bench 12' }).waitFor()
    await page.getByRole('region', { name: 'Clock' }).getByText('Until it is fired').waitFor()
    await step(page, 'Clear the area…', { state: 'Clearing' })
    await step(page, 'Say that it is guarded…', { posts: 'North ramp\nHaul road 2', state: 'Guarded' })
    await page.getByText('You guarded it: another person fires.').waitFor()
    assert.ok(await page.getByRole('button', { name: 'Fired…' }).isDisabled(), 'who guards does not fire')
    await screenshot(page, 'work-blast-guarded')
    await assertNoProblems(page)
    const address = new URL(page.url()).pathname
    await as(sue, address, (other) => step(other, 'Fired…', { state: 'Fired' }))
    await pill(page, 'Fired').waitFor()
    await step(page, 'Sign the examination…', { found: 'yes', state: 'Examined' })
    await step(page, 'Release the area…', { state: 'Released' })
    assert.equal(await page.getByRole('region', { name: 'Story' }).getByRole('listitem').count(), 6)
    await screenshot(page, 'work-blast-released')
    await assertNoProblems(page)
  })
})

inSector('mining', 'the blasts that are not over stand beside the map, which shows their areas', async (administrator) => {
  await ask(administrator, 'POST', '/v1/blasts', { site: SITE, name: 'Bench 7', area: SQUARE, fire_at: new Date(Date.now() + 3_600_000).toISOString() })
  await as(administrator, '/operations', async (page) => {
    await page.getByRole('region', { name: 'Blast clock' }).getByRole('link', { name: 'Bench 7' }).waitFor()
    await mapDrawn(page)
    await screenshot(page, 'work-blast-map')
    await assertNoProblems(page)
    await go(page, '/sector-work/places/add')
    await page.getByRole('button', { name: 'Choose it on the map' }).click()
    await page.getByRole('region', { name: 'Choose the place' }).waitFor()
    await mapDrawn(page)
    await page.mouse.click(700, 450)
    await page.getByRole('button', { name: 'Use this place' }).click()
    await page.getByRole('heading', { level: 1, name: 'Add a place' }).waitFor()
    assert.notEqual(await page.getByLabel('Latitude').inputValue(), '')
    await page.getByLabel('Name').fill('Face 3')
    await page.getByLabel('One pass of the loader').fill('45000')
    await page.getByLabel('Passes at most').fill('5')
    await page.getByRole('button', { name: 'Add it' }).click()
    await page.getByRole('region', { name: 'Places', exact: true }).getByText('45 t a pass, at most 5').waitFor()
    await screenshot(page, 'work-places')
    await assertNoProblems(page)
  })
})

inSector('logistics', 'a container is asked for, with what is dangerous in it, and let go at the gate', async (administrator) => {
  const at = async (name, kind, where) => (await ask(administrator, 'POST', '/v1/places', { site: SITE, name, kind, at: where, radius_m: 40 })).id
  const [gate, block] = [await at('Gate 2', 'gate', place(0, 0)), await at('Block C4', 'block', place(0, 0.004))]
  await ask(administrator, 'POST', '/v1/jobs', { site: SITE, container: 'MSKU 765432 1', from: gate, to: block, hazards: ['3'], mass_kg: 12_000 })
  await as(administrator, '/sector-work', async (page) => {
    await page.getByRole('heading', { level: 1, name: 'Yard' }).waitFor()
    await page.getByRole('row').filter({ hasText: 'MSKU 765432 1' }).getByText('flammable liquid').waitFor()
    await page.getByRole('link', { name: 'Ask for a move…' }).click()
    await page.getByLabel('Container').fill('MSKU 123456 7')
    await page.getByLabel('Mass, kg').fill('22000')
    await page.getByRole('combobox', { name: 'From' }).selectOption({ label: 'Gate 2 (gate)' })
    await page.getByRole('combobox', { name: 'To', exact: true }).selectOption({ label: 'Block C4 (block)' })
    await page.getByRole('checkbox', { name: /^5\.1/ }).check()
    await screenshot(page, 'work-job-ask')
    await assertNoProblems(page)
    await page.getByRole('button', { name: 'Ask for it' }).click()
    await page.getByRole('heading', { level: 1, name: 'MSKU 123456 7' }).waitFor()
    await page.getByRole('region', { name: 'Job' }).getByText('oxidiser').waitFor()
    await screenshot(page, 'work-job')
    await go(page, '/sector-work/jobs')
    await page.getByRole('row').filter({ hasText: 'MSKU 765432 1' }).getByRole('link').click()
    await page.getByRole('button', { name: 'Release at the gate…' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Number of the seal').fill('ML-CL1234567')
    await dialog.getByLabel('Reason, for the journal').fill('Papers and seal agree')
    await screenshot(page, 'work-job-release')
    await dialog.getByRole('button', { name: 'Release it' }).click()
    await pill(page, 'Released').waitFor()
    await page.getByText('ML-CL1234567').waitFor()
    await go(page, '/sector-work/jobs')
    await page.getByRole('row').nth(2).waitFor()
    await screenshot(page, 'work-jobs')
    await assertNoProblems(page)
  })
})

inSector('ride-hail', 'a service area is drawn with its hours, and says whether it is open', async (administrator) => {
  await as(administrator, '/sector-work', async (page) => {
    await page.getByRole('heading', { level: 1, name: 'Service' }).waitFor()
    await page.getByRole('link', { name: 'Draw a service area…' }).first().click()
    await sayArea(page, SQUARE)
    await page.getByLabel('Name').fill('Centre')
    await page.getByRole('group', { name: /^Hours 1/ }).getByLabel('From').fill('00:00')
    await page.getByRole('group', { name: /^Hours 1/ }).getByLabel('To').fill('00:00')
    await page.getByRole('checkbox', { name: 'Served with vehicles for wheelchairs' }).check()
    await screenshot(page, 'work-area-draw')
    await assertNoProblems(page)
    await page.getByRole('button', { name: 'Serve it' }).click()
    const area = page.getByRole('listitem', { name: 'Centre' })
    await area.getByText('Open now').waitFor()
    await area.getByText('Every day 00:00–24:00').waitFor()
    await screenshot(page, 'work-areas')
    await assertNoProblems(page)
    await area.getByRole('button', { name: 'Remove Centre' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Remove it' }).click()
    await page.getByText('No service area yet').waitFor()
  })
})

inSector('defense', 'emissions are tightened at once and relaxed by two, and people are cleared', async (administrator, somebody) => {
  const [sam, sue] = [await somebody('safety_officer', 'sam'), await somebody('safety_officer', 'sue')]
  const change = async (page, state, reason) => {
    await page.getByRole('button', { name: `Change the emission state of ${SITE}` }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('State').selectOption(state)
    await dialog.getByLabel('Reason, for the journal').fill(reason)
    await dialog.getByRole('button', { name: 'Change it' }).click()
    await dialog.waitFor({ state: 'detached' })
  }
  await as(sam, '/sector-work', async (page) => {
    await page.getByRole('heading', { level: 1, name: 'EMCON' }).waitFor()
    const site = page.getByRole('listitem', { name: SITE })
    await site.getByText('Unrestricted').waitFor()
    await change(page, 'silent', 'Observed from the air')
    await site.getByText('Silent').waitFor()
    await screenshot(page, 'work-emission')
    await assertNoProblems(page)
    await change(page, 'reduced', 'They have left')
    await page.getByText(/^A change waits/).waitFor()
    await as(sue, '/inbox', async (other) => {
      const row = other.getByRole('listitem').filter({ hasText: 'They have left' })
      await row.getByRole('button', { name: 'Approve…' }).click()
      await other.getByRole('dialog').getByLabel('Reason, for the journal').fill('Looked at it')
      await other.getByRole('dialog').getByRole('button', { name: 'Approve' }).click()
      await row.waitFor({ state: 'detached' })
    })
    await site.getByText('Reduced').waitFor()
    await page.getByRole('link', { name: 'Clearances' }).click()
    await page.getByRole('button', { name: 'Clear a person…' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Person').selectOption({ label: 'sue' })
    await dialog.getByLabel('Level').selectOption('secret')
    await dialog.getByLabel('Reason, for the journal').fill('Vetted in May')
    await dialog.getByRole('button', { name: 'Grant it' }).click()
    await page.getByRole('row').filter({ hasText: 'sue' }).getByText('Secret').waitFor()
    await screenshot(page, 'work-clearances')
    await assertNoProblems(page)
  })
})
