// The journeys of software updates: a release is published, rolled out until vehicles have proven it, and a bad one is paused.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { api, callAs, go, screenshot, waitFor } from './browser.mjs'
import { assertNoProblems, journey, withPage } from './journey.mjs'

/** Counters go up only; those of journeys are told by the time. */
let counter = Math.floor(Date.now() / 1000)
const PART = 1 << 20

/** What a simulated vehicle takes as an image. */
function imageOf(name, { passes = true, length = 2_500_000 } = {}) {
  const image = Buffer.alloc(length)
  image.write(`atlasmesh simulated image\nrelease: ${name}\nself-test: ${passes ? 'pass' : 'fail'}\n`)
  return image
}

const sha256Of = (image) => createHash('sha256').update(image).digest('hex')

/** Uploads an image, up to a length, by whoever is signed in on the page. */
async function upload(page, image, until = image.length) {
  for (let at = 0; at < until; at += PART) {
    await callAs(page, 'PUT', `/v1/images/${sha256Of(image)}`, { length: image.length, at, data: image.subarray(at, Math.min(until, at + PART)).toString('base64') })
  }
}

/** Publishes a release and the one that takes it back; answers the release. */
async function publish(page, name, options) {
  counter += 10
  const releases = [[`${name}-back`, counter + 1, {}, null], [name, counter, options, `${name}-back`]]
  let published
  for (const [name, counter, options, reverts_to] of releases) {
    const image = imageOf(name, options)
    await upload(page, image)
    published = await callAs(page, 'POST', '/v1/releases', { name, sha256: sha256Of(image), hardware_ids: ['sim-compute-1'], counter, notes: 'For a journey.', ...(reverts_to ? { reverts_to } : {}) })
  }
  return published
}

const newName = (what) => `${what}-${Date.now().toString(36)}`

/** Vehicles that are online and are not being updated, of which at most `count` are wanted. */
async function someVehicles(count) {
  const { items } = await api('/v1/vehicles?limit=100')
  const online = items.filter(({ status, profile }) => status === 'ONLINE' && profile.simulated)
  const found = []
  for (const vehicle of online) {
    const { current, installed } = await api(`/v1/vehicles/${vehicle.id}/updates`)
    if (!current && installed) found.push(vehicle)
    if (found.length === count) return found
  }
  throw new Error(`there are only ${found.length} vehicles that could be updated`)
}

/** Plans a rollout for vehicles that are named first, and for nobody else, on the page; ends on the page of the rollout. */
async function plan(page, { release, name, vehicles }) {
  await go(page, `/updates/rollouts/plan?release=${release.id}`)
  await page.getByRole('heading', { level: 1, name: 'Plan a rollout' }).waitFor()
  const form = page.getByRole('form', { name: 'Plan' })
  await form.getByLabel('Name', { exact: true }).fill(name)
  for (const vehicle of vehicles) {
    await form.getByLabel('Name of a vehicle').fill(vehicle.name)
    await page.keyboard.press('Enter')
    await form.getByRole('list', { name: 'Go first' }).getByText(vehicle.name, { exact: true }).waitFor()
  }
  while (await form.getByRole('button', { name: 'Remove this stage' }).count()) await form.getByRole('button', { name: 'Remove this stage' }).first().click()
  await form.getByLabel('At least (minutes)').fill('0')
  await form.getByLabel('The next stage opens').selectOption('automatic')
  await screenshot(page, `plan-${name}`)
  await assertNoProblems(page)
  await form.getByRole('button', { name: 'Plan it, and see the preview' }).click()
  await page.getByRole('heading', { level: 1, name }).waitFor()
}

async function start(page, name) {
  await page.getByRole('button', { name: 'Start…' }).click()
  const dialog = page.getByRole('dialog', { name: `Start ${name}?` })
  await dialog.getByText(/^Stage 1 opens: named first/).waitFor()
  await dialog.getByRole('button', { name: 'Start', exact: true }).click()
  await dialog.waitFor({ state: 'detached' })
}

const statusOf = (page, status) => page.locator('.page-header').getByText(status, { exact: true })
const rolloutId = (page) => new URL(page.url()).pathname.split('/').at(-1)

journey('a safety officer plans and starts a rollout, and sees it complete with the vehicles proven', { person: 'sofia' }, async (page) => {
  const name = newName('good')
  let release
  await withPage({ person: 'adam' }, async (elsewhere) => { release = await publish(elsewhere, name) })
  const vehicles = await someVehicles(2)
  await page.getByRole('navigation', { name: 'Screens' }).getByRole('link', { name: 'Updates' }).click()
  await page.getByRole('link', { name: 'Plan a rollout…' }).first().click()
  await plan(page, { release, name, vehicles })
  const preview = page.getByRole('region', { name: 'Preview' })
  for (const vehicle of vehicles) await preview.getByRole('row', { name: new RegExp(`^${vehicle.name} 1`) }).waitFor()
  await preview.getByText('No stage of the plan admits it').first().waitFor()
  await screenshot(page, 'rollout-planned')
  await assertNoProblems(page)
  await start(page, name)
  const stages = page.getByRole('region', { name: 'Stages' })
  await stages.getByText(/\d under way/).waitFor()
  await screenshot(page, 'rollout-running')
  await assertNoProblems(page)
  await statusOf(page, 'Completed').waitFor({ timeout: 180_000 })
  await stages.getByText('2 proven').waitFor()
  await page.getByRole('region', { name: 'Where it stands' }).getByText('Its last stage is over.').waitFor()
  await screenshot(page, 'rollout-completed')
  await assertNoProblems(page)
  await go(page, `/vehicles/${vehicles[0].id}`)
  const software = page.getByRole('region', { name: 'Software', exact: true })
  await software.getByText('attested by the vehicle’s signature').waitFor()
  await software.getByRole('listitem').first().getByText('Proven').waitFor()
  await software.scrollIntoViewIfNeeded()
  await screenshot(page, 'vehicle-software')
})

journey('a bad release is paused by the gate, and two people decide how it goes on', { person: 'sofia' }, async (page) => {
  const name = newName('bad')
  let release
  await withPage({ person: 'adam' }, async (elsewhere) => { release = await publish(elsewhere, name, { passes: false }) })
  const vehicles = await someVehicles(3)
  await plan(page, { release, name, vehicles })
  await start(page, name)
  const banner = page.getByRole('main').getByRole('alert')
  await banner.getByText('Paused by the gate: 3 of 3 finished vehicles failed, which fits a bad release.').waitFor({ timeout: 180_000 })
  await page.getByRole('img', { name: /^The gate: the outcomes fit a bad release/ }).waitFor()
  const failed = page.getByRole('region', { name: 'Failed vehicles' })
  for (const vehicle of vehicles) await failed.getByRole('link', { name: vehicle.name }).waitFor()
  await failed.getByText(/self-test/).first().waitFor()
  await screenshot(page, 'rollout-paused')
  await assertNoProblems(page)
  await page.getByRole('button', { name: 'Resume…' }).click()
  const dialog = page.getByRole('dialog', { name: `Resume ${name}?` })
  await dialog.getByText('A second person decides').waitFor()
  await dialog.getByLabel('Reason, for the journal').fill('Only for a journey')
  await screenshot(page, 'rollout-resume')
  await assertNoProblems(page)
  await dialog.getByRole('button', { name: 'Ask for it' }).click()
  await banner.getByText('was asked by you and waits for a second person').waitFor()
  const id = rolloutId(page)
  await withPage({ person: 'adam' }, async (second) => {
    await go(second, '/inbox')
    await second.getByRole('region', { name: /^Approvals/ }).getByText(`rollout/${id}`).waitFor()
    await screenshot(second, 'rollout-approval')
  })
  await page.getByRole('button', { name: 'Revert…' }).click()
  const revert = page.getByRole('dialog', { name: `Take ${name} back?` })
  await revert.getByText(`A rollout of ${name}-back starts at once`).waitFor()
  await screenshot(page, 'rollout-revert')
  await revert.getByRole('button', { name: 'Keep it as it is' }).click()
  await page.getByRole('button', { name: 'Abort…' }).click()
  const abort = page.getByRole('dialog', { name: `Abort ${name}?` })
  await abort.getByLabel('Reason, for the journal').fill('Only for a journey')
  await abort.getByRole('button', { name: 'Abort', exact: true }).click()
  await statusOf(page, 'Aborted').waitFor()
})

journey('a technician publishes a release from a file, with progress, and goes on with an upload that was interrupted', { person: 'tomas' }, async (page) => {
  const name = newName('av-os')
  const image = imageOf(name, { length: 6_000_000 })
  // Another time the upload was interrupted after two parts.
  await upload(page, image, 2 * PART)
  await page.getByRole('navigation', { name: 'Screens' }).getByRole('link', { name: 'Updates' }).click()
  await page.getByRole('navigation', { name: 'Updates' }).getByRole('link', { name: 'Releases' }).click()
  await page.getByRole('link', { name: 'Publish a release…' }).first().click()
  const parts = []
  page.on('request', (request) => { if (request.method() === 'PUT') parts.push(JSON.parse(request.postData()).at) })
  await page.getByLabel('File').setInputFiles({ name: `${name}.img`, mimeType: 'application/octet-stream', buffer: image })
  const form = page.getByRole('region', { name: 'Release', exact: true })
  assert.equal(await form.getByLabel('Name', { exact: true }).inputValue(), name)
  await page.getByRole('progressbar').waitFor()
  await screenshot(page, 'publish-progress')
  await page.getByText('Uploaded and checked, 6.0 MB').waitFor()
  assert.deepEqual(parts.slice(0, 2), [2 * PART, 3 * PART], 'it goes on behind what is there')
  assert.equal(await page.getByLabel('SHA-256 of the file').inputValue(), sha256Of(image))
  counter += 10
  await form.getByLabel('Counter').fill(String(counter))
  await form.getByLabel('Hardware').fill('sim-compute-1, sim compute/2')
  await form.getByLabel('Notes').fill('Brakes earlier in rain.')
  await form.getByRole('button', { name: 'Publish' }).click()
  await form.getByRole('alert').getByText('Hardware has only letters, digits, dots, dashes and underscores, unlike compute/2').waitFor()
  await screenshot(page, 'publish-wrong')
  await assertNoProblems(page)
  await form.getByLabel('Hardware').fill('sim-compute-1')
  await form.getByRole('button', { name: 'Publish' }).click()
  await page.getByRole('heading', { level: 1, name }).waitFor()
  assert.equal(await page.getByLabel('SHA-256 of the image').inputValue(), sha256Of(image))
  await page.getByText('Brakes earlier in rain.').waitFor()
  const published = await waitFor('the release', async () => (await api('/v1/releases')).items.find((release) => release.name === name))
  assert.equal(published.counter, counter)
  await screenshot(page, 'release')
})

for (const [width, height] of [[1440, 900], [390, 844]]) {
  for (const dark of [false, true]) {
    const look = `${width}-${dark ? 'dark' : 'light'}`
    journey(`updates are accessible, ${look}`, { person: 'adam', width, height, dark }, async (page) => {
      const release = (await api('/v1/releases')).items[0]
      const rollout = (await api('/v1/rollouts')).items[0]
      for (const [path, shown] of [
        ['/updates', page.getByRole('region', { name: 'Rollouts' }).getByRole('row').nth(1)],
        [`/updates/rollouts/${rollout.id}`, page.getByRole('region', { name: 'Stages' })],
        [`/updates/rollouts/${rollout.id}/preview`, page.getByRole('region', { name: 'Preview' })],
        ['/updates/releases', page.getByRole('region', { name: 'Releases' }).getByRole('row').nth(1)],
        [`/updates/releases/${release.id}`, page.getByRole('region', { name: 'Image' })],
        ['/updates/releases/publish', page.getByLabel('File')],
        ['/updates/rollouts/plan', page.getByRole('form', { name: 'Plan' })],
      ]) {
        await go(page, path)
        await shown.waitFor()
        await screenshot(page, `${path.replace(/^\//, '').replaceAll('/', '-').replace(/(rollout|rel)_\w+/, '$1')}-${look}`)
        assert.doesNotMatch(await page.getByRole('main').innerText(), /NaN|undefined/)
        assert.ok(!(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)), `${path} is not wider than the window`)
        await assertNoProblems(page)
      }
    })
  }
}
