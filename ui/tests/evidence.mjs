// The journeys of those who check: the journal, its events, and what proves them.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { before } from 'node:test'
import { api, screenshot, waitFor } from './browser.mjs'
import { assertNoProblems, journey } from './journey.mjs'

before(() => waitFor('a trip that was assigned', async () => (await api('/v1/journal?limit=1000')).items.some(({ event }) => event.type === 'trip.assigned')))

for (const [width, height] of [[1440, 900], [390, 844]]) {
  for (const dark of [false, true]) {
    const look = `${width}-${dark ? 'dark' : 'light'}`
    journey(`the auditor reads the evidence, ${look}`, { person: 'aida', width, height, dark }, async (page) => {
      const table = page.getByRole('region', { name: 'Events' })
      await table.getByRole('row').nth(1).waitFor()
      await screenshot(page, `evidence-${look}`)
      await assertNoProblems(page)
      await page.getByRole('searchbox', { name: 'Search events' }).fill('trip.assigned')
      const [first] = await Promise.all([table.getByRole('link').first().getAttribute('href'), table.getByRole('button', { name: /^Export [1-9]\d* rows? as CSV$/ }).waitFor()])
      await table.getByRole('row').nth(1).click()
      const panel = page.getByRole('region', { name: 'Event', exact: true })
      await panel.getByText('Proof checked').waitFor()
      await panel.getByText('the signature of the head is right').waitFor()
      assert.equal(new URL(page.url()).pathname, first)
      await screenshot(page, `evidence-event-${look}`)
      await assertNoProblems(page)
      const overflows = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)
      assert.ok(!overflows, 'nothing is wider than the window')
      await page.keyboard.press('Escape')
      await panel.waitFor({ state: 'detached' })
      await page.getByRole('button', { name: 'Verify the log' }).click()
      await page.getByRole('status').getByText(/^Verified All [\d,.\s]+ entries are as they were written/).waitFor()
      await screenshot(page, `evidence-verified-${look}`)
    })
  }
}

journey('evidence is filtered, opened and exported by keyboard', { person: 'aida' }, async (page) => {
  const table = page.getByRole('region', { name: 'Events' })
  await table.getByRole('row').nth(1).waitFor()
  await table.getByRole('combobox', { name: 'Event' }).selectOption('trip.assigned')
  await table.getByRole('button', { name: /^Export/ }).focus()
  const downloading = page.waitForEvent('download')
  await page.keyboard.press('Enter')
  const [head, ...rows] = (await readFile(await (await downloading).path(), 'utf8')).trim().split('\r\n')
  assert.equal(head, 'Time,Event,Subject,Who,Summary')
  assert.ok(rows.length > 0 && rows.every((row) => row.split(',')[1] === 'trip.assigned'))
  await page.keyboard.press('j')
  await page.keyboard.press('Enter')
  const panel = page.getByRole('region', { name: 'Event', exact: true })
  await panel.getByText('Proof checked').waitFor()
  await panel.getByRole('region', { name: 'Decision' }).getByText('policy allows').waitFor()
  await panel.getByRole('link', { name: /^All events about/ }).first().click()
  await table.getByText(/^About trip/).waitFor()
  await table.getByRole('button', { name: 'All subjects' }).click()
  await table.getByText(/^About trip/).waitFor({ state: 'detached' })
  // Nothing was recorded before the first entry.
  await page.getByLabel('Up to').fill('2020-01-01T00:00')
  await page.getByLabel('Up to').press('Tab')
  await table.getByText('Nothing is recorded of that').waitFor()
})

journey('a receipt that was changed on the way proves nothing', { person: 'aida' }, async (page) => {
  await page.route('**/v1/journal/*/proof', async (route) => {
    const response = await route.fetch()
    const receipt = await response.json()
    await route.fulfill({ response, json: { ...receipt, envelope: receipt.envelope.replace('"simulated":true', '"simulated":false') } })
  })
  await page.getByRole('region', { name: 'Events' }).getByRole('row').nth(1).click()
  const panel = page.getByRole('region', { name: 'Event', exact: true })
  await panel.getByText('The path does not lead to the root of the signed head.').waitFor()
})
