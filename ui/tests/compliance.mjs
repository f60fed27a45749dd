// The journeys of compliance: a bundle is made and taken, a report is signed, submitted, rejected by the authority and
// corrected, and each part is looked at.
import assert from 'node:assert/strict'
import { before } from 'node:test'
import { api, callAs, go, screenshot } from './browser.mjs'
import { assertNoProblems, journey, withPage } from './journey.mjs'

/** The frame of a report runs nothing and reads nothing, also for those who test it; it is signed again while its bundle is made. */
const FRAMED = /status of (401|409)|about:srcdoc|\/assets\/style-/
const PASSWORD = 'coquimbo by the sea'
const openTab = async (page, label) => {
  await page.getByRole('navigation', { name: 'Screens' }).getByRole('link', { name: 'Evidence' }).click()
  await page.getByRole('navigation', { name: 'Evidence' }).getByRole('link', { name: label }).click()
}
const pill = (page, text) => page.locator('.page-header').getByText(text, { exact: true })
const stepOf = (page, label) => page.getByRole('region', { name: 'Next steps' }).getByRole('listitem').filter({ hasText: label }).getByRole('button')

/** The person of the authority; the demo has none. */
before(async () => {
  const { invitation } = await api('/v1/users', { name: 'rita', email: 'rita@demo.example', roles: ['regulator'] })
  if (invitation) await api('/v1/session/invitation', { tenant: 'coquimbo-city', code: invitation.split('/').at(-1), password: PASSWORD })
})

journey('a bundle is made and downloaded by keyboard alone', { person: 'sofia' }, async (page) => {
  await go(page, '/evidence/bundles')
  await page.getByRole('link', { name: 'Make a bundle…' }).first().press('Enter')
  const purpose = `A question of the insurer ${Date.now() % 100_000}`
  await page.getByLabel('Purpose').press('Control+a')
  await page.keyboard.type(purpose)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name: purpose }).waitFor()
  await page.getByRole('region', { name: 'Who took it' }).getByText('Nobody yet').waitFor()
  const download = page.getByRole('link', { name: /^Download/ })
  await download.waitFor()
  const downloading = page.waitForEvent('download')
  await download.press('Enter')
  assert.match((await downloading).suggestedFilename(), /^bundle_.*\.tar\.zst$/)
  await page.reload()
  await page.getByRole('region', { name: 'Who took it' }).getByText('you').waitFor()
  await screenshot(page, 'bundle')
})

/** Begins a report of the form that asks least, and gives what no entry says. */
async function beginReport(page) {
  const { items } = await callAs(page, 'GET', '/v1/evidence/forms')
  const [form] = items.filter(({ submitted, about_collision }) => submitted && !about_collision).sort((a, b) => a.fields.length - b.fields.length)
  await openTab(page, 'Reports')
  await page.getByRole('link', { name: 'Begin a report…' }).first().click()
  await page.getByRole('combobox', { name: 'Form', exact: true }).selectOption(form.form)
  await page.getByRole('button', { name: 'Begin it' }).click()
  const values = page.getByRole('form', { name: 'Values' })
  await values.getByRole('button', { name: 'Save the values' }).waitFor()
  const id = new URL(page.url()).pathname.split('/').at(-1)
  const { missing } = await callAs(page, 'GET', `/v1/evidence/reports/${id}/preview`)
  for (const name of missing) {
    const field = values.locator(`#field-${name}`)
    const [choice] = form.fields.find(({ id }) => id === name).choices
    if (choice) await field.selectOption(choice)
    else await field.fill('2026')
  }
  await screenshot(page, 'report-draft')
  await values.getByRole('button', { name: 'Save the values' }).click()
  await values.getByText('Missing').first().waitFor({ state: 'detached' })
  return id
}

async function signAndSubmit(page) {
  await stepOf(page, 'Sign it').click()
  await pill(page, 'Signed').waitFor()
  await stepOf(page, 'Submit it').click()
  await page.getByRole('dialog').getByRole('button', { name: 'Submit it' }).click()
  await pill(page, 'Submitted').waitFor()
}

journey('a report is signed and submitted; the authority checks and rejects it under its own key, and it is corrected', { person: 'sofia', expects: FRAMED }, async (page) => {
  const id = await beginReport(page)
  await signAndSubmit(page)
  await screenshot(page, 'report-submitted')
  await withPage({ person: 'rita' }, async (rita) => {
    await rita.getByRole('heading', { level: 1, name: 'Submissions' }).waitFor()
    assert.deepEqual(await rita.getByRole('navigation', { name: 'Screens' }).locator('.label').allInnerTexts(), ['Evidence', 'Settings'])
    await rita.getByRole('button', { name: 'Make and register my key' }).click()
    assert.match(await rita.getByTestId('fingerprint').innerText(), /^[0-9a-f]{64}$/)
    await screenshot(rita, 'submissions')
    await go(rita, `/evidence/submissions/${id}`)
    await stepOf(rita, 'Check it').click()
    await rita.getByRole('group', { name: 'Check' }).getByText('Signature valid').waitFor()
    await stepOf(rita, 'Reject it').click()
    const dialog = rita.getByRole('dialog')
    await dialog.getByLabel('Reason').fill('It does not say for which vehicles')
    await dialog.getByLabel('What is to be corrected').fill('Name the type of the vehicles')
    await screenshot(rita, 'submission-reject')
    await dialog.getByRole('button', { name: 'Reject it' }).click()
    await pill(rita, 'Rejected').waitFor()
    await screenshot(rita, 'submission-rejected')
  })
  const correction = page.getByRole('region', { name: 'Correction' })
  await correction.getByText('Name the type of the vehicles').waitFor()
  await correction.getByText(/Safety officer corrects it until/).waitFor()
  await screenshot(page, 'report-rejected')
  await stepOf(page, 'Say what was corrected').click()
  await page.getByRole('dialog').getByLabel('What was corrected').fill('The type is named')
  await page.getByRole('dialog').getByRole('button', { name: 'It is corrected' }).click()
  await correction.getByText('The type is named').waitFor()
  await signAndSubmit(page)
  await page.getByRole('listitem', { name: 'Version 2' }).waitFor()
  // What looks for accessibility violations waits for ever on a frame that runs nothing.
  await page.getByRole('link', { name: 'Reports' }).click()
  await page.getByRole('region', { name: 'Due to authorities' }).waitFor()
})

for (const [width, height, dark] of [[1440, 900, false], [390, 844, true]]) {
  const look = `${width}-${dark ? 'dark' : 'light'}`
  journey(`compliance is accessible, ${look}`, { person: 'adam', width, height, dark }, async (page) => {
    for (const [path, wait] of [['compliance', 'Frameworks'], ['issues', 'Issues'], ['bundles', 'Bundles'], ['reports', 'Reports'], ['holds', 'Legal holds']]) {
      await go(page, `/evidence/${path}`)
      await page.getByRole(path === 'compliance' ? 'list' : 'region', { name: wait, exact: true }).waitFor()
      await screenshot(page, `compliance-${path}-${look}`)
      await assertNoProblems(page)
      assert.ok(!(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)), `${path}: nothing is wider than the window`)
    }
    await go(page, '/evidence/compliance')
    await page.getByRole('list', { name: 'Frameworks' }).getByRole('link').first().click()
    await page.getByRole('list', { name: 'Clauses' }).waitFor()
    await screenshot(page, `compliance-clauses-${look}`)
  })
}
