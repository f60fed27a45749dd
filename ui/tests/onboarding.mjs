// The journeys of the garage: a vehicle is onboarded until it is online, and an identity ends.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { withAgent } from './agent.mjs'
import { api, callAs, go, screenshot, waitFor } from './browser.mjs'
import { assertNoProblems, journey, withPage } from './journey.mjs'

let number = Date.now() % 1_000_000
/** A name that no vehicle has yet. */
const newName = () => `garage-${number++}`

/** What a simulated taxi is, as the API takes it. */
const profile = (name) => ({
  site: 'coquimbo', name, simulated: true, sectors: ['ride-hail'], capabilities: ['passenger'],
  max_speed_mps: 20, payload_max_kg: 300, seats: 4, energy_capacity_wh: 60_000,
})

/** Fills the profile in; the button that sends it is not pressed. */
async function fillProfile(page, { name, capabilities = 'passenger', simulated = true }) {
  const form = page.getByRole('region', { name: 'Profile' })
  await form.getByLabel('Name', { exact: true }).fill(name)
  await form.getByLabel('What it is').selectOption({ label: simulated ? 'A simulated vehicle' : 'A real vehicle' })
  await form.getByLabel('Capabilities').fill(capabilities)
  await form.getByLabel('Fastest speed (km/h)').fill('72.5')
  await form.getByLabel('Seats').fill('4')
  await form.getByLabel('Heaviest load (kg)').fill('300')
  await form.getByLabel('Usable energy when full (kWh)').fill('60')
  return form
}

const assertFits = async (page) =>
  assert.ok(!(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)), 'nothing is wider than the window')

journey('a technician onboards a vehicle until it is online', { person: 'tomas' }, async (page) => {
  const name = newName()
  await page.getByRole('link', { name: 'Onboard a vehicle…' }).click()
  await page.getByRole('heading', { level: 1, name: 'Onboard a vehicle' }).and(page.locator(':focus')).waitFor()
  const form = await fillProfile(page, { name })
  await form.getByRole('button', { name: 'Register the vehicle' }).click()
  await page.getByRole('heading', { level: 1, name: `Onboard ${name}` }).and(page.locator(':focus')).waitFor()
  const id = new URL(page.url()).pathname.split('/').at(-1)
  // Held, it is given no trip, whose end a decommission would wait for.
  await callAs(page, 'POST', `/v1/vehicles/${id}/holds`, { kind: 'cleaning', timing: 'after_trip', reason: 'Only for a journey' })
  const progress = page.getByRole('region', { name: 'Progress' })
  const done = (label) => progress.getByRole('listitem').filter({ hasText: label }).filter({ hasText: ', done' })
  await done('Registered').waitFor()
  const token = page.getByRole('region', { name: 'Join token' })
  await token.getByRole('button', { name: 'Make the join token' }).click()
  await token.getByRole('img', { name: /QR code/ }).waitFor()
  await done('Invited').waitFor()
  await screenshot(page, 'onboard-token')
  await assertNoProblems(page)
  // What was made is told once: after a reload it goes on where it was, with another token.
  await page.reload()
  await token.getByText(/It was shown once/).waitFor()
  await done('Invited').waitFor()
  await token.getByLabel('Good for').selectOption({ label: '15 minutes' })
  await token.getByRole('button', { name: 'Make a new join token' }).click()
  const left = token.getByText(/^Good for 1[45]:\d\d,/)
  await left.waitFor()
  const command = await token.getByLabel('Command to run on the vehicle').inputValue()
  assert.match(command, new RegExp(`^atlasmesh-agent run --bootstrap ${name}\\.json --state ${name}-state --simulate --start=-?\\d`))
  const downloading = page.waitForEvent('download')
  await token.getByRole('button', { name: `Download ${name}.json` }).press('Enter')
  const file = await downloading
  assert.equal(file.suggestedFilename(), `${name}.json`)
  const bootstrap = await file.path()
  assert.equal(JSON.parse(await readFile(bootstrap, 'utf8')).vehicle, id)
  await withAgent(bootstrap, command.split(' ').slice(6), async () => {
    for (const stage of ['Enrolled', 'Certificate in use', 'Online']) await done(stage).waitFor()
    await screenshot(page, 'onboard-online')
    await assertNoProblems(page)
    await progress.getByRole('link', { name: `Open ${name}` }).click()
    await page.getByRole('heading', { level: 1, name }).waitFor()
    const identity = page.getByRole('region', { name: 'Identity' })
    await identity.getByText('Active', { exact: true }).waitFor()
    await identity.getByText(`spiffe://`, { exact: false }).waitFor()
    await identity.getByText('the vehicle, which it never leaves').waitFor()
    await screenshot(page, 'identity')
    // Sofia, who may end identities, sees the vehicle lose its own; tomas may not.
    assert.equal(await identity.getByRole('button', { name: 'Revoke identity…' }).count(), 0)
    await revokeAsSofia(id, name)
    await identity.getByText('Revoked', { exact: true }).waitFor()
  })
  await waitFor('the vehicle is offline', async () => (await api(`/v1/vehicles/${id}`)).status !== 'ONLINE')
  await page.getByRole('button', { name: 'Decommission…' }).click()
  const dialog = page.getByRole('dialog', { name: `Decommission ${name}?` })
  await dialog.getByLabel('Reason').fill('Only for a journey')
  await dialog.getByRole('button', { name: 'Decommission' }).click()
  await dialog.waitFor({ state: 'detached' })
  await page.getByRole('region', { name: 'Identity' }).getByText('Retired', { exact: true }).waitFor()
  assert.equal(await page.getByRole('region', { name: 'Identity' }).getByRole('button').count(), 0)
})

/** Revokes an identity from the vehicle's page; it is told what happens first. */
async function revokeAsSofia(id, name) {
  await withPage({ person: 'sofia' }, async (page) => {
    await go(page, `/vehicles/${id}`)
    const identity = page.getByRole('region', { name: 'Identity' })
    await identity.getByRole('button', { name: 'Revoke identity…' }).click()
    const dialog = page.getByRole('dialog', { name: `Revoke the identity of ${name}?` })
    await dialog.getByText(/Parked, it loses its identity at once/).waitFor()
    await dialog.getByText(/Moving, or not known to be parked, it is stopped first/).waitFor()
    await dialog.getByLabel('Reason').fill('Its key was copied')
    await screenshot(page, 'revoke-identity')
    await assertNoProblems(page)
    await dialog.getByRole('button', { name: 'Revoke', exact: true }).click()
    await dialog.waitFor({ state: 'detached' })
    await identity.getByText('Revoked', { exact: true }).waitFor()
    await identity.getByText(/Its key was copied/).waitFor()
    assert.equal(await identity.getByRole('button', { name: 'Revoke identity…' }).count(), 0)
    await screenshot(page, 'identity-revoked')
  })
  assert.equal((await api(`/v1/vehicles/${id}/identity`)).status, 'revoked')
}

journey('what is wrong with a profile is shown at its field, and what policy denies with its reasons',
  { person: 'tomas', expects: /status of (401|403|409)/ }, async (page) => {
    await go(page, '/vehicles/onboard')
    const { name: taken } = (await api('/v1/vehicles?limit=1')).items[0]
    const form = await fillProfile(page, { name: taken, capabilities: 'People Mover' })
    await form.getByLabel('Fastest speed (km/h)').fill('1000')
    await form.getByLabel(/VIN/).fill('short')
    const send = form.getByRole('button', { name: 'Register the vehicle' })
    await send.click()
    const invalid = (label) => form.getByLabel(label).and(page.locator('[aria-invalid=true]'))
    for (const label of ['Capabilities', 'Fastest speed (km/h)', /VIN/]) await invalid(label).waitFor()
    await form.getByText('Fastest speed (km/h) is more than 0 and at most 216').waitFor()
    await screenshot(page, 'onboard-wrong')
    await assertNoProblems(page)
    // The server says what only it can know, at the field too.
    await form.getByLabel(/VIN/).fill('')
    await form.getByLabel('Capabilities').fill('passenger')
    await form.getByLabel('Fastest speed (km/h)').fill('90')
    await send.click()
    await invalid('Name').and(page.locator(':focus')).waitFor()
    await form.getByText(/^Name is the name of .* already/).waitFor()
    await form.getByLabel('Name', { exact: true }).fill(newName())
    await form.getByLabel('What it is').selectOption({ label: 'A real vehicle' })
    await send.click()
    const refusal = page.getByTestId('refusal')
    await refusal.getByText(/lists door-sensor and belt-sensor/).waitFor()
    await refusal.getByText('POLICY_VIOLATION').waitFor()
    await screenshot(page, 'onboard-denied')
  })

journey('a vehicle that moves is told to stop before its identity ends', { person: 'sofia' }, async (page) => {
  const { id, name } = (await api('/v1/vehicles?limit=1')).items[0]
  const identity = await api(`/v1/vehicles/${id}/identity`)
  // Only the page is told that it is in quarantine: the fleet of the other journeys keeps its vehicle.
  await page.route(`**/v1/vehicles/${id}/identity`, (route) => route.fulfill({ json: { ...identity, status: 'quarantined', reason: 'Its key was copied' } }))
  await go(page, `/vehicles/${id}`)
  await page.getByRole('heading', { level: 1, name }).waitFor()
  await page.getByRole('alert').getByText('Being stopped; its identity ends when it stands.').waitFor()
  await page.getByRole('region', { name: 'Identity' }).getByText('Quarantined', { exact: true }).waitFor()
  await screenshot(page, 'quarantined')
})

journey('a dispatcher sees identities, and changes none', { person: 'dana' }, async (page) => {
  const { id } = (await api('/v1/vehicles?limit=1')).items[0]
  await go(page, '/vehicles')
  await page.getByRole('region', { name: 'Vehicles' }).getByRole('link', { name: /^taxi-/ }).first().waitFor()
  assert.equal(await page.getByRole('link', { name: 'Onboard a vehicle…' }).count(), 0)
  await go(page, '/vehicles/onboard')
  await page.getByText('A technician onboards vehicles').waitFor()
  await assertNoProblems(page)
  await go(page, `/vehicles/${id}`)
  const identity = page.getByRole('region', { name: 'Identity' })
  await identity.getByText('Active', { exact: true }).waitFor()
  assert.equal(await identity.getByRole('button').count(), 0)
})

for (const [width, height] of [[1440, 900], [390, 844]]) {
  for (const dark of [false, true]) {
    const look = `${width}-${dark ? 'dark' : 'light'}`
    journey(`onboarding and identity are accessible, ${look}`, { person: 'tomas', width, height, dark }, async (page) => {
      const shot = async (name) => {
        await screenshot(page, `${name}-${look}`)
        assert.doesNotMatch(await page.getByRole('main').innerText(), /NaN|undefined/)
        await assertFits(page)
        await assertNoProblems(page)
      }
      await go(page, '/vehicles/onboard')
      await page.getByRole('region', { name: 'Profile' }).waitFor()
      await shot('onboard-profile')
      const { id, name } = await callAs(page, 'POST', '/v1/vehicles', profile(newName()))
      await go(page, `/vehicles/onboard/${id}`)
      const token = page.getByRole('region', { name: 'Join token' })
      await token.getByRole('button', { name: 'Make the join token' }).click()
      await token.getByRole('img', { name: /QR code/ }).waitFor()
      await shot('onboard')
      await go(page, `/vehicles/${id}`)
      await page.getByRole('region', { name: 'Identity' }).getByText('Invited', { exact: true }).waitFor()
      await page.getByRole('button', { name: 'New join token…' }).click()
      const dialog = page.getByRole('dialog', { name: `Join token for ${name}` })
      await dialog.getByRole('button', { name: 'Make a new join token' }).click()
      await dialog.getByRole('img', { name: /QR code/ }).waitFor()
      await shot('identity-token')
      await page.keyboard.press('Escape')
      await dialog.waitFor({ state: 'detached' })
      await page.getByText('registered, and not online yet').waitFor()
      await shot('identity')
      await page.getByRole('link', { name: 'Go on onboarding' }).click()
      await page.getByRole('region', { name: 'Progress' }).waitFor()
      await callAs(page, 'POST', `/v1/vehicles/${id}/decommission`, { reason: 'Only for a journey' })
    })
  }
}
