// The journeys of maintenance: a workshop is described, a model is trained, and a worn vehicle is grounded, repaired and returned.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after } from 'node:test'
import { promisify } from 'node:util'
import { AGENT, withAgent } from './agent.mjs'
import { api, callAs, commandEnvironment, go, screenshot, waitFor } from './browser.mjs'
import { assertNoProblems, journey, withPage } from './journey.mjs'

const PLACE = 'brake-front-left'
const WEAR = { used: { [PLACE]: 0.96 }, seed: 3, every_ms: 4_000 }
const name = `worn-${Date.now().toString(36)}`
/** The vehicle that wears, once it was onboarded. */
let worn

/** No trip asks for what it can do, so that it stands ready for the workshop. */
const profile = {
  site: 'coquimbo', name, simulated: true, sectors: ['ride-hail'], capabilities: ['exhibition'],
  max_speed_mps: 20, payload_max_kg: 300, seats: 4, energy_capacity_wh: 60_000,
}

const statusOf = (page, status) => page.locator('.page-header').getByText(status, { exact: true })
const openTab = async (page, label) => {
  await page.getByRole('navigation', { name: 'Screens' }).getByRole('link', { name: 'Maintenance' }).click()
  await page.getByRole('navigation', { name: 'Maintenance' }).getByRole('link', { name: label }).click()
}
/** What is said of the worn vehicle among those that are predicted to fail. */
const groundingOn = (page) => page.getByRole('region', { name: 'Groundings' }).getByRole('listitem').filter({ hasText: name })
const componentOf = async (place) => (await api(`/v1/vehicles/${worn}/health`)).components.find(({ component }) => component === place)

journey('a technician says what the workshop has, by keyboard, and it is planned with', { person: 'tomas' }, async (page) => {
  await openTab(page, 'Workshop')
  await page.getByRole('region', { name: 'Calendar' }).getByRole('button', { name: 'Today' }).waitFor()
  await screenshot(page, 'workshop-empty')
  await page.getByRole('link', { name: 'Edit the workshop…' }).first().click()
  const form = page.getByRole('form', { name: 'Workshop' })
  await form.waitFor()
  for (const remove of [/^Remove the bay/, /^Remove (?!the bay)/]) {
    while (await form.getByRole('button', { name: remove }).count()) await form.getByRole('button', { name: remove }).first().click()
  }
  for (const [bay, kinds] of [['Lift 1', ['lift', 'pit']], ['Tyres', ['tyre bay']], ['High voltage', ['high voltage bay']]]) {
    await form.getByRole('button', { name: 'Add a bay' }).press('Enter')
    await form.getByLabel('Name').and(page.locator(':focus')).waitFor()
    await page.keyboard.type(bay)
    for (const kind of kinds) await form.getByRole('group', { name: 'Equipped for' }).last().getByLabel(kind, { exact: true }).press('Space')
  }
  for (const [technician, skills] of [['Tomas', ['mechanic', 'tyre fitter']], ['Ines', ['mechanic', 'high voltage technician']]]) {
    await form.getByRole('button', { name: 'Add a technician' }).press('Enter')
    await form.getByLabel('Name').and(page.locator(':focus')).waitFor()
    await page.keyboard.type(technician)
    for (const skill of skills) await form.getByRole('group', { name: 'Skills' }).last().getByLabel(skill, { exact: true }).press('Space')
    for (const label of ['From (UTC)', 'Until (UTC)']) await form.getByLabel(label).last().fill('00:00')
  }
  await form.getByLabel('Kilometres a day').fill('3000')
  await form.getByLabel('Hours a day').fill('16')
  await form.getByLabel('Battery cycles a day').fill('60')
  await form.getByLabel('Vehicles needed on the road').fill('1')
  await form.getByLabel('Predicted orders a day, at most').fill('20')
  await form.getByLabel('Name').nth(1).fill('Lift 1')
  await form.getByRole('button', { name: 'Save, and plan anew' }).click()
  await form.getByRole('alert').getByText('Each bay has a name of its own').waitFor()
  await screenshot(page, 'workshop-wrong')
  await assertNoProblems(page)
  await form.getByLabel('Name').nth(1).fill('Tyres')
  await form.getByRole('button', { name: 'Save, and plan anew' }).press('Enter')
  await page.getByRole('list', { name: 'Lift 1' }).waitFor()
  await page.getByRole('region', { name: 'Workshop', exact: true }).getByText('Ines').waitFor()
  const { bays, technicians, utilisation } = await api('/v1/workshop')
  assert.deepEqual(bays.map(({ name }) => name), ['Lift 1', 'Tyres', 'High voltage'])
  assert.deepEqual(technicians[0].skills, ['mechanic', 'tyre_fitter'])
  assert.equal(utilisation.km_per_day, 3000)
  await screenshot(page, 'workshop-saved')
})

/** Gives models lives of simulated parts to learn from, as an operator does. */
async function importLives(of) {
  const run = promisify(execFile)
  const program = join(dirname(AGENT), 'atlasmesh')
  const folder = await mkdtemp(join(tmpdir(), 'atlasmesh-lives-'))
  const file = join(folder, 'lives.csv')
  const env = { ...process.env, ...commandEnvironment }
  await run(program, ['maintenance', 'simulate', of, '--parts', '40', '--out', file], { env })
  await run(program, ['maintenance', 'import', of, file], { env })
  await rm(folder, { recursive: true, force: true })
}

journey('a safety officer trains the first model of a class, and reads how good it is', { person: 'sofia' }, async (page) => {
  const untrained = (await api('/v1/models')).items.findLast((line) => line.versions.length === 0 && line.class !== 'brake_pads')
  const label = { coolant_pump: 'Coolant pump', air_compressor: 'Air compressor', traction_battery: 'Traction battery', wheel_bearing: 'Wheel bearing', tyre: 'Tyre' }[untrained.class]
  await importLives(untrained.class)
  await openTab(page, 'Models')
  const card = page.getByRole('region', { name: label, exact: true })
  await card.getByText('No model was trained yet').waitFor()
  await screenshot(page, 'models-untrained')
  await assertNoProblems(page)
  await card.getByRole('button', { name: /^Train/ }).click()
  const dialog = page.getByRole('dialog', { name: /^Train a model/ })
  await dialog.getByText('It decides only if it is better').waitFor()
  await screenshot(page, 'model-train')
  await assertNoProblems(page)
  await dialog.getByRole('button', { name: 'Train', exact: true }).click()
  await card.getByRole('progressbar').waitFor()
  await screenshot(page, 'model-training')
  await card.getByText('Typical error').waitFor()
  await card.getByRole('link', { name: 'One version' }).click()
  await page.getByRole('heading', { level: 1, name: label }).waitFor()
  await page.getByRole('img', { name: /^Calibration: the 80 % interval holds \d+/ }).waitFor()
  await page.getByRole('region', { name: 'Versions' }).getByRole('rowheader', { name: '1' }).waitFor()
  await screenshot(page, 'model')
})

/** Another technician, who signs in as the people of the demo do; and ten parts of this operator that lasted some 27,000 km: enough for a prediction, and too little to ground a vehicle by itself. */
async function prepareAsAdam() {
  await withPage({ person: 'adam' }, async (page) => {
    await page.getByRole('heading', { level: 1 }).first().waitFor({ state: 'attached' })
    for (let n = 0; n < 10; n++) await callAs(page, 'PUT', `/v1/models/brake_pads/histories/known-${n}`, { label: 'failed', end_usage: 26_000 + 300 * n, rows: [] })
    const { items } = await callAs(page, 'GET', '/v1/users?limit=1000')
    if (items.some(({ name }) => name === 'ines')) return
    const { invitation } = await callAs(page, 'POST', '/v1/users', { name: 'ines', email: 'ines@demo.example', roles: ['technician'] })
    const answer = await fetch(new URL('/v1/session/invitation', page.url()), {
      method: 'POST', headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ tenant: 'coquimbo-city', code: invitation.split('/').at(-1), password: 'coquimbo by the sea' }),
    })
    assert.ok(answer.ok, await answer.text())
  })
}

/** Runs the worn vehicle until `run` is done. */
async function withWornVehicle(page, run) {
  worn = (await callAs(page, 'POST', '/v1/vehicles', profile)).id
  const { bootstrap } = await callAs(page, 'POST', `/v1/vehicles/${worn}/join-token`, {})
  const folder = await mkdtemp(join(tmpdir(), 'atlasmesh-worn-'))
  const file = join(folder, 'bootstrap.json')
  await writeFile(file, JSON.stringify(bootstrap), { mode: 0o600 })
  await withAgent(file, ['--simulate', '--start=-29.9032561,-71.2457388', '--capability', 'exhibition', '--speedup', '20', '--wear', JSON.stringify(WEAR)], run)
  await rm(folder, { recursive: true, force: true })
}

/** A dispatcher reads what is wrong, and may not ground. */
async function readAsDana(order) {
  await withPage({ person: 'dana' }, async (page) => {
    await openTab(page, 'Fleet health')
    const grounding = groundingOn(page)
    await grounding.getByText('Policy leaves it to a person').waitFor()
    await grounding.getByText('A technician or a safety officer grounds it.').waitFor()
    assert.equal(await grounding.getByRole('button').count(), 0)
    await screenshot(page, 'fleet-health')
    await assertNoProblems(page)
    await page.getByRole('region', { name: 'Components', exact: true }).getByRole('link', { name }).first().click()
    await page.getByRole('heading', { level: 1, name }).waitFor()
    const brake = page.getByRole('region', { name: 'Brake front left' })
    await brake.getByText(/^How long \d+ other parts lasted/).waitFor()
    await brake.getByText('Not calibrated').waitFor()
    await brake.getByRole('img', { name: /over usage: from .* to .* left/ }).waitFor()
    await screenshot(page, 'component')
    await brake.getByText('As a table').scrollIntoViewIfNeeded()
    await screenshot(page, 'component-chart')
    await brake.getByText('As a table').click()
    await brake.getByRole('table').getByRole('row').nth(2).waitFor()
    await assertNoProblems(page)
    await go(page, `/maintenance/orders/${order}`)
    await statusOf(page, 'Scheduled').waitFor()
    assert.equal(await page.getByRole('button', { name: /^(Start|Tick|Verify|Complete)/ }).count(), 0)
  })
}

async function groundAsSofia() {
  await withPage({ person: 'sofia' }, async (page) => {
    await openTab(page, 'Fleet health')
    const grounding = groundingOn(page)
    await grounding.getByRole('button', { name: `Ground ${name}…` }).press('Enter')
    const dialog = page.getByRole('dialog', { name: `Ground ${name}?` })
    await dialog.getByText(/^It stops after its trip/).waitFor()
    await screenshot(page, 'ground')
    await assertNoProblems(page)
    await dialog.getByRole('button', { name: 'Ground it' }).click()
    await dialog.waitFor({ state: 'detached' })
    await grounding.getByText('It stands with its parking brake set, and has signed that.').waitFor()
    await screenshot(page, 'grounded')
    await go(page, `/vehicles/${worn}`)
    await page.getByRole('region', { name: 'Health' }).getByText('Grounded:').waitFor()
    await screenshot(page, 'vehicle-health')
  })
}

/** Does the work: every step by keyboard, and the closing code. */
async function work(page, order) {
  await go(page, `/maintenance/orders/${order}`)
  await page.getByRole('button', { name: 'Start', exact: true }).click()
  await statusOf(page, 'In progress').waitFor()
  const checklist = page.getByRole('region', { name: 'Checklist' })
  await checklist.getByRole('button').first().waitFor()
  const steps = await checklist.getByRole('button').count()
  await screenshot(page, 'order-in-progress')
  for (let step = 1; step <= steps; step++) {
    await checklist.getByRole('button').first().press('Enter')
    await checklist.getByText(`${step} of ${steps} done`).waitFor()
  }
  await page.getByRole('button', { name: 'Complete…' }).click()
  const dialog = page.getByRole('dialog', { name: 'Complete the work' })
  await dialog.getByRole('button', { name: 'Complete', exact: true }).click()
  await dialog.getByText('What was found must be chosen').waitFor()
  await screenshot(page, 'order-complete')
  await assertNoProblems(page)
  await dialog.getByLabel('What was found').selectOption('worn_replaced')
  await dialog.getByLabel('Notes').fill('2 mm were left.')
  await dialog.getByRole('button', { name: 'Complete', exact: true }).click()
  await statusOf(page, 'Completed').waitFor()
  await page.getByText('Another person verifies your work.').waitFor()
  assert.equal(await page.getByRole('button', { name: 'Verify' }).count(), 0)
  await screenshot(page, 'order-completed')
  await assertNoProblems(page)
}

journey('a worn brake is grounded by a person, repaired, checked by another, and its vehicle returns', { person: 'tomas' }, async (page) => {
  await prepareAsAdam()
  await withWornVehicle(page, async () => {
    const { order } = await waitFor('a prediction that waits for a person', async () => {
      const { grounding } = await api(`/v1/vehicles/${worn}/health`)
      return grounding?.status === 'WAITS_FOR_PERSON' && (await api(`/v1/work-orders/${grounding.order}`)).slot && grounding
    })
    await readAsDana(order)
    await groundAsSofia()
    await openTab(page, 'Workshop')
    // In the evening it is planned for tomorrow, which the day does not show.
    await page.getByRole('group', { name: 'Zoom' }).getByRole('button', { name: 'Week' }).click()
    const slot = page.getByRole('list', { name: 'Lift 1' }).getByRole('link', { name: new RegExp(`^${name}, brake front left`) })
    await slot.focus()
    await page.getByText(/, Lift 1, (Tomas|Ines)$/).waitFor()
    await screenshot(page, 'workshop-planned')
    await assertNoProblems(page)
    await slot.press('Enter')
    await page.getByRole('heading', { level: 1, name: `${name}, brake front left` }).waitFor()
    await work(page, order)
    await withPage({ person: 'ines' }, async (ines) => {
      await go(ines, `/maintenance/orders/${order}`)
      await ines.getByRole('button', { name: 'Verify' }).click()
      await statusOf(ines, 'Verified').waitFor()
    })
    await page.getByRole('button', { name: 'Return to service…' }).click()
    const dialog = page.getByRole('dialog', { name: `Return ${name} to service?` })
    await dialog.getByText('The hold that grounds it ends.').waitFor()
    await screenshot(page, 'order-return')
    await assertNoProblems(page)
    await dialog.getByRole('button', { name: 'Return it to service' }).click()
    await statusOf(page, 'Closed').waitFor()
    await page.getByRole('region', { name: 'Work', exact: true }).getByText('to service by you').waitFor()
    await screenshot(page, 'order-closed')
    await openTab(page, 'Fleet health')
    await groundingOn(page).waitFor({ state: 'detached' })
    await page.getByRole('row').filter({ hasText: name }).filter({ hasText: 'Brake front left' }).waitFor()
    await screenshot(page, 'fleet-health-returned')
    assert.equal((await componentOf(PLACE)).part, 2, 'the new part is known')
    await waitFor('nothing holds the vehicle', async () => (await api(`/v1/vehicles/${worn}`)).holds.length === 0)
  })
})

journey('a dispatcher asks for work, which a technician approves', { person: 'dana' }, async (page) => {
  await openTab(page, 'Work orders')
  await page.getByRole('link', { name: 'Ask for work…' }).first().click()
  const form = page.getByRole('region', { name: 'Work order' })
  await form.getByLabel('Vehicle').selectOption({ label: name })
  await form.getByLabel('Component').fill('Tyre Front')
  await form.getByLabel('What is to be done, and why').fill('It loses air overnight.')
  await form.getByRole('button', { name: 'Ask for it' }).click()
  await form.getByText('Component has only lower-case letters, digits and dashes').waitFor()
  await screenshot(page, 'order-form-wrong')
  await assertNoProblems(page)
  await form.getByLabel('Component').fill('tyre-front-left')
  await form.getByLabel('Class').selectOption('tyre')
  await form.getByRole('button', { name: 'Ask for it' }).click()
  await statusOf(page, 'Requested').waitFor()
  await screenshot(page, 'order-requested')
  assert.equal(await page.getByRole('button', { name: 'Approve' }).count(), 0)
  const { pathname } = new URL(page.url())
  await withPage({ person: 'tomas' }, async (tomas) => {
    await go(tomas, pathname)
    await tomas.getByRole('button', { name: 'Approve' }).click()
    await statusOf(tomas, 'Scheduled').waitFor()
    await tomas.getByRole('region', { name: 'Slot' }).getByText(/^Tyres, Tomas$/).waitFor()
    await screenshot(tomas, 'order-scheduled')
  })
})

after(async () => {
  if (worn) await api(`/v1/vehicles/${worn}/decommission`, { reason: 'Only for a journey' })
})

// Each width and each theme once: what is read in one width is read in the other, too.
for (const [width, height, dark] of [[1440, 900, false], [390, 844, true]]) {
  const look = `${width}-${dark ? 'dark' : 'light'}`
  journey(`maintenance is accessible, ${look}`, { person: 'adam', width, height, dark }, async (page) => {
    const order = (await api('/v1/work-orders')).items.find(({ vehicle, status }) => vehicle === worn && status === 'CLOSED')
    const model = (await api('/v1/models')).items.find(({ versions }) => versions.length > 0)
    for (const [path, shown] of [
      ['/maintenance', page.getByRole('region', { name: 'Components' }).getByRole('row').nth(1)],
      [`/maintenance/vehicles/${worn}?component=air-compressor`, page.getByRole('img', { name: /over usage/ })],
      ['/maintenance/orders', page.getByRole('region', { name: 'Work orders' }).getByRole('row').nth(1)],
      [`/maintenance/orders/${order.id}`, page.getByRole('region', { name: 'Checklist' })],
      ['/maintenance/orders/new', page.getByRole('region', { name: 'Work order' })],
      ['/maintenance/workshop', page.getByRole('list', { name: 'Lift 1' })],
      ['/maintenance/workshop/edit', page.getByRole('form', { name: 'Workshop' })],
      ['/maintenance/models', page.getByRole('region', { name: 'Brake pads' })],
      [`/maintenance/models/${model.class}`, page.getByRole('region', { name: 'Versions' })],
    ]) {
      await go(page, path)
      await shown.waitFor()
      await screenshot(page, `${path.slice(1).replace(/\?.*/, '').replaceAll('/', '-').replace(/(order|veh)_\w+/, '$1')}-${look}`)
      assert.doesNotMatch(await page.getByRole('main').innerText(), /NaN|undefined/)
      assert.ok(!(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)), `${path} is not wider than the window`)
      await assertNoProblems(page)
    }
  })
}
