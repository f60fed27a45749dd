// The journeys of the sector: looked at, previewed, put in force, and taken back, with the words that change by it.
import assert from 'node:assert/strict'
import { callAs, go, screenshot } from './browser.mjs'
import { assertNoProblems, journey } from './journey.mjs'

const openSector = async (page) => {
  await page.getByRole('navigation', { name: 'Screens' }).waitFor()
  await go(page, '/sector')
  await page.getByRole('heading', { level: 1, name: 'Sector' }).waitFor()
  await page.getByRole('region', { name: 'In force' }).waitFor()
}

/** The sectors that could be put in force now. */
const offers = async (page) => (await callAs(page, 'GET', '/v1/sectors')).items.filter(({ entitled, active }) => entitled && !active)

for (const [width, height] of [[1440, 900], [390, 844]]) {
  for (const dark of [false, true]) {
    const look = `${width}-${dark ? 'dark' : 'light'}`
    journey(`the sector is read in all its parts, ${look}`, { person: 'adam', width, height, dark }, async (page) => {
      await openSector(page)
      await page.getByRole('heading', { level: 3 }).nth(3).waitFor()
      await screenshot(page, `sector-${look}`)
      await assertNoProblems(page)
      for (const tab of ['Features', 'Flags', 'Limits and parameters', 'Subscription']) {
        await page.getByRole('navigation', { name: 'Sector' }).getByRole('link', { name: tab }).click()
        await page.getByRole('status').filter({ hasText: 'Loading' }).waitFor({ state: 'detached' })
        await screenshot(page, `sector-${tab.toLowerCase().replaceAll(' ', '-')}-${look}`)
        await assertNoProblems(page)
        const overflows = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)
        assert.ok(!overflows, `${tab}: nothing is wider than the window`)
      }
    })
  }
}

journey('a sector is previewed, and nothing changes by it', { person: 'adam' }, async (page) => {
  await openSector(page)
  const before = await callAs(page, 'GET', '/v1/sector')
  await page.getByRole('link', { name: /^Preview / }).first().click()
  await page.getByRole('heading', { level: 1, name: /^Preview of / }).waitFor()
  await page.getByRole('heading', { level: 2, name: /^Words/ }).waitFor()
  await screenshot(page, 'sector-preview')
  await assertNoProblems(page)
  assert.equal((await callAs(page, 'GET', '/v1/sector')).generation, before.generation)
})

journey('a sector is put in force, the page speaks its words, and it is taken back', { person: 'adam' }, async (page) => {
  await openSector(page)
  const [offer] = await offers(page)
  assert.ok(offer, 'the subscription allows a sector that is not in force')
  const screens = page.getByRole('navigation', { name: 'Screens' })
  const labels = () => screens.locator('.label').allInnerTexts()
  const before = await labels()
  await page.getByRole('button', { name: `Activate ${offer.title}` }).click()
  const dialog = page.getByRole('dialog', { name: `Activate ${offer.title}?` })
  await dialog.getByLabel('Reason, for the journal').fill('Journey of the tests')
  await dialog.getByRole('button', { name: 'Activate' }).click()
  await dialog.waitFor({ state: 'detached' })
  await page.getByRole('region', { name: 'In force' }).getByRole('heading', { name: offer.title }).waitFor()
  const { terms } = await callAs(page, 'GET', '/v1/sector')
  for (const { many } of [terms.nouns.trip, terms.nouns.vehicle]) {
    await screens.getByRole('link', { name: new RegExp(`^${many}$`, 'i') }).first().waitFor()
  }
  assert.match(await page.title(), new RegExp(offer.title))
  await screenshot(page, 'sector-activated')
  await assertNoProblems(page)
  await go(page, '/trips')
  await page.getByRole('heading', { level: 1, name: new RegExp(`^${terms.nouns.trip.many}$`, 'i') }).waitFor()
  await go(page, '/sector')
  await page.getByRole('button', { name: 'Roll back…' }).click()
  const back = page.getByRole('dialog', { name: /^Roll back/ })
  await back.getByLabel('Reason, for the journal').fill('Journey of the tests')
  await back.getByRole('button', { name: 'Roll back' }).click()
  await back.waitFor({ state: 'detached' })
  await screens.getByRole('link', { name: before[2] }).waitFor()
  assert.deepEqual(await labels(), before)
})
