// The journeys of security: a drill from its beginning to what was learned, who is called, and what rules look for.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { api, callAs, commandEnvironment, go, screenshot, waitFor } from './browser.mjs'
import { assertNoProblems, journey, withPage } from './journey.mjs'

const openTab = async (page, label) => {
  await page.getByRole('navigation', { name: 'Screens' }).getByRole('link', { name: 'Security' }).click()
  await page.getByRole('navigation', { name: 'Security' }).getByRole('link', { name: label }).click()
}
const pill = (page, text) => page.locator('.page-header').getByText(text, { exact: true })

journey('who is on call is said by keyboard, and what is wrong is told at its field', { person: 'simon', expects: /status of (401|422|400)/ }, async (page) => {
  await callAs(page, 'PUT', '/v1/on-call', { levels: [], channels: [] })
  await openTab(page, 'On call')
  await page.getByText('Nobody is on call yet').waitFor()
  await screenshot(page, 'on-call-empty')
  await assertNoProblems(page)
  await page.getByRole('link', { name: 'Edit who is on call…' }).click()
  const form = page.getByRole('form', { name: 'On call' })
  for (const [people, minutes] of [['simon', '5'], ['sofia, adam', '10']]) {
    await form.getByRole('button', { name: 'Add a level' }).press('Enter')
    await form.getByLabel('People, separated by commas').and(page.locator(':focus')).waitFor()
    await page.keyboard.type(people)
    await form.getByLabel('Minutes to acknowledge').last().fill(minutes)
  }
  await form.getByRole('button', { name: 'Add a channel' }).press('Enter')
  await form.getByLabel('Name').and(page.locator(':focus')).waitFor()
  await page.keyboard.type('Night shift')
  await form.getByRole('textbox', { name: 'Address' }).fill('ftp://127.0.0.1:9/alarms')
  await form.getByLabel('Secret that signs').fill('a secret of a journey')
  await form.getByRole('button', { name: 'Save' }).press('Enter')
  await form.getByRole('alert').getByText('must begin with http:// or https://').waitFor()
  assert.ok(await form.getByRole('textbox', { name: 'Address' }).evaluate((field) => field === document.activeElement), 'the field that is wrong has the focus')
  await screenshot(page, 'on-call-wrong')
  await assertNoProblems(page)
  await form.getByRole('textbox', { name: 'Address' }).fill('http://127.0.0.1:9/alarms')
  await form.getByRole('button', { name: 'Save' }).press('Enter')
  await page.getByRole('region', { name: 'Levels' }).getByText('sofia and adam').waitFor()
  await screenshot(page, 'on-call')
  assert.doesNotMatch(await page.getByRole('main').innerText(), /a secret of a journey/)
  const { levels } = await callAs(page, 'GET', '/v1/on-call')
  assert.deepEqual(levels, [{ people: ['simon'], acknowledge_minutes: 5 }, { people: ['sofia', 'adam'], acknowledge_minutes: 10 }])
  // Nobody listens there: calls of the next journey would only be tried again and again.
  await callAs(page, 'PUT', '/v1/on-call', { levels, channels: [] })
})

journey('rules are listed, told in words, and replayed', { person: 'simon' }, async (page) => {
  await openTab(page, 'Rules')
  const rules = page.getByRole('region', { name: 'Rules' })
  const clone = rules.getByRole('row', { name: /^One certificate is used by two machines at once/ })
  await clone.getByText('Critical').or(clone.getByText('High')).waitFor()
  await screenshot(page, 'rules')
  await page.getByText('Replay a part of the journal').click()
  await page.getByRole('form', { name: 'Replay' }).getByLabel('Up to entry').fill('500')
  await page.getByRole('form', { name: 'Replay' }).getByRole('button', { name: 'Replay' }).press('Enter')
  await page.getByText(/in \d+ entries, from 0 to/).waitFor()
  await screenshot(page, 'rules-replayed')
  await assertNoProblems(page)
  await clone.getByRole('link').click()
  await page.getByRole('heading', { level: 1, name: 'One certificate is used by two machines at once' }).waitFor()
  await page.getByText('T1649').waitFor()
  await screenshot(page, 'rule')
})

const next = (page) => page.getByRole('region', { name: 'Next steps' })
const stepOf = (page, label) => next(page).getByRole('listitem').filter({ hasText: label }).getByRole('button')

/** A second person reads what is asked for in plain words, and approves it. */
async function approveAsAdam(name) {
  await withPage({ person: 'adam' }, async (adam) => {
    await go(adam, '/inbox')
    const approval = adam.getByRole('region', { name: /^Approvals/ }).getByRole('listitem').filter({ hasText: `Give ${name} its access back` })
    await approval.getByRole('link', { name: 'Open the incident' }).waitFor()
    await screenshot(adam, 'approval-restore')
    await assertNoProblems(adam)
    await approval.getByRole('button', { name: 'Approve…' }).click()
    const dialog = adam.getByRole('dialog')
    await dialog.getByText('It is a drill: nothing was taken away.').waitFor()
    await dialog.getByLabel('Reason').fill('I looked at its logs')
    await dialog.getByRole('button', { name: 'Approve' }).click()
    await dialog.waitFor({ state: 'detached' })
  })
}

/** A vehicle that stands, so that it sends its diagnostics at once, and about which no incident is open. */
async function standingVehicle() {
  const taken = new Set((await api('/v1/incidents')).items.filter(({ status }) => status !== 'CLOSED').map(({ subject }) => subject))
  return waitFor('a vehicle that stands', async () => (await api('/v1/vehicles?limit=1000')).items
    .find(({ id, status, claim, stop, holds }) => status === 'ONLINE' && !claim && !stop && holds.length === 0 && !taken.has(`vehicle/${id}`)))
}

/** Begins a drill about a vehicle, on its screen. */
async function beginDrill(page, name, severity) {
  await openTab(page, 'Incidents')
  await page.getByRole('button', { name: 'Begin a drill…' }).click()
  const dialog = page.getByRole('dialog', { name: 'Begin a drill' })
  await dialog.getByLabel('Vehicle').selectOption({ label: name })
  await dialog.getByLabel('Severity').selectOption(severity)
  await screenshot(page, 'drill')
  await assertNoProblems(page)
  await dialog.getByRole('button', { name: 'Begin the drill' }).click()
  await pill(page, 'DRILL').waitFor()
  await pill(page, 'Contained').waitFor()
  return new URL(page.url()).pathname.split('/').at(-1)
}

async function close(page, lessons) {
  await stepOf(page, 'Close it').click()
  await page.getByRole('dialog').getByLabel('What was learned').fill(lessons)
  await screenshot(page, 'close')
  await page.getByRole('dialog').getByRole('button', { name: 'Close it' }).click()
  await pill(page, 'Closed').waitFor()
  await page.getByRole('region', { name: 'What was learned' }).getByText(lessons).waitFor()
}

/** What a safety officer sees of an emergency that nobody has. */
async function readAsSofia(vehicle, name) {
  await withPage({ person: 'sofia' }, async (sofia) => {
    await go(sofia, '/inbox')
    await sofia.getByRole('region', { name: /^Alerts/ }).getByRole('link').filter({ hasText: `${name}: drill` }).click()
    await pill(sofia, 'DRILL').waitFor()
    await openTab(sofia, 'Incidents')
    await sofia.getByRole('region', { name: 'Emergencies' }).getByRole('button', { name: new RegExp(`^Acknowledge: ${name}`) }).waitFor()
    await screenshot(sofia, 'incidents')
    await go(sofia, `/vehicles/${vehicle}`)
    await sofia.getByRole('region', { name: 'Security incident' }).getByRole('link', { name: /^Drill/ }).waitFor()
    await screenshot(sofia, 'vehicle-incident')
    await assertNoProblems(sofia)
  })
}

journey('a drill goes the way of an attack, is acknowledged, looked into and closed, and takes nothing away', { person: 'simon' }, async (page) => {
  const { id: vehicle, name } = await standingVehicle()
  const incident = await beginDrill(page, name, 'high')
  const call = page.getByRole('region', { name: 'Call' })
  await call.getByRole('timer').waitFor()
  await call.getByText('simon', { exact: true }).waitFor()
  await screenshot(page, 'room')
  await assertNoProblems(page)
  await readAsSofia(vehicle, name)
  await call.getByRole('button', { name: 'Acknowledge' }).press('Enter')
  await call.getByText('Nobody else is called.').waitFor()
  await stepOf(page, 'Look into it').press('Enter')
  await pill(page, 'Looked into').waitFor()
  const timeline = page.getByRole('region', { name: 'Timeline' })
  await timeline.getByText('Acknowledged by you', { exact: true }).waitFor()
  await timeline.getByRole('button', { name: /^Proof of entry/ }).first().click()
  await timeline.getByText('Proof checked').waitFor()
  await screenshot(page, 'room-proof')
  await assertNoProblems(page)
  await close(page, 'Join tokens are handed over in person.')
  const downloading = page.waitForEvent('download')
  await page.getByRole('button', { name: 'Download the report' }).press('Enter')
  assert.match(await readFile(await (await downloading).path(), 'utf8'), new RegExp(`^# Incident ${incident} \\(drill\\)`))
  await screenshot(page, 'room-closed')
  const { holds, stop } = await api(`/v1/vehicles/${vehicle}`)
  assert.deepEqual([holds, stop], [[], null], 'a drill takes nothing away')
})

/** Keeps a vehicle where it stands while `run` runs: one that was sent on a trip tells of itself only afterwards. */
async function withHold(vehicle, run) {
  const { id: hold } = await api(`/v1/vehicles/${vehicle}/holds`, { kind: 'cleaning', timing: 'after_trip', reason: 'Only for a journey' })
  try {
    await run()
  } finally {
    const { ATLASMESH_URL: url, ATLASMESH_TOKEN: token } = commandEnvironment
    await fetch(`${url}/v1/vehicles/${vehicle}/holds/${hold}`, { method: 'DELETE', headers: { Authorization: `Bearer ${token}` } })
  }
}

journey('a vehicle tells of itself where it stands, and two people restore its access', { person: 'simon' }, async (page) => {
  const { id, name } = await standingVehicle()
  await withHold(id, async () => {
    await beginDrill(page, name, 'critical')
    await page.getByRole('region', { name: 'Call' }).getByRole('button', { name: 'Acknowledge' }).click()
    await stepOf(page, 'Ask for diagnostics').click()
    await page.getByRole('dialog').getByRole('button', { name: 'Ask for them' }).click()
    const artefacts = page.getByRole('region', { name: 'Artefacts' })
    await artefacts.getByRole('button', { name: /^View/ }).first().click()
    await artefacts.locator('pre').waitFor()
    await screenshot(page, 'room-artefacts')
    await assertNoProblems(page)
    // All parts came: what is asked for without them is refused.
    await artefacts.getByText('The vehicle sends them once it stands.').waitFor({ state: 'detached' })
    await stepOf(page, 'Restore the access').click()
    await page.getByRole('dialog').getByLabel('Reason').fill('Its logs show nothing')
    await screenshot(page, 'restore')
    await page.getByRole('dialog').getByRole('button', { name: 'Ask for it' }).click()
    await next(page).getByText('It waits for a second person.').waitFor()
    await approveAsAdam(name)
    await pill(page, 'Restored').waitFor()
    await close(page, 'Nobody missed the call.')
  })
})

journey('a dispatcher has no Security screen', { person: 'dana' }, async (page) => {
  assert.equal(await page.getByRole('navigation', { name: 'Screens' }).getByRole('link', { name: 'Security' }).count(), 0)
  await go(page, '/security')
  await page.getByText('Your role has no access to security').waitFor()
})

// Each width and each theme once: what is read in one width is read in the other, too.
for (const [width, height, dark] of [[1440, 900, false], [390, 844, true]]) {
  const look = `${width}-${dark ? 'dark' : 'light'}`
  journey(`security is accessible, ${look}`, { person: 'simon', width, height, dark }, async (page) => {
    const { id } = (await api('/v1/incidents')).items[0]
    for (const [path, shown] of [
      ['/security', page.getByRole('region', { name: 'Incidents' }).getByRole('row').nth(1)],
      [`/security/incidents/${id}`, page.getByRole('region', { name: 'Timeline' }).getByRole('listitem').first()],
      ['/security/rules', page.getByRole('region', { name: 'Rules' }).getByRole('row').nth(1)],
      ['/security/on-call', page.getByRole('region', { name: 'Levels' })],
      ['/security/on-call/edit', page.getByRole('form', { name: 'On call' })],
    ]) {
      await go(page, path)
      await shown.waitFor()
      await screenshot(page, `${path.slice(1).replaceAll('/', '-').replace(/inc_\w+/, 'incident')}-${look}`)
      assert.doesNotMatch(await page.getByRole('main').innerText(), /NaN|undefined/)
      assert.ok(!(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)), `${path} is not wider than the window`)
      await assertNoProblems(page)
    }
  })
}
