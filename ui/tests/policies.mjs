// The journeys of policies: a rule is begun from a template, tested, replayed, run in shadow and brought into force by two
// people, refuses what it forbids, is waived, and is taken back.
import assert from 'node:assert/strict'
import { callAs, go, screenshot } from './browser.mjs'
import { assertNoProblems, journey, withPage } from './journey.mjs'

const room = {
  test: (page) => page.getByRole('region', { name: 'Test' }),
  replay: (page) => page.getByRole('region', { name: 'Replay' }),
  steps: (page) => page.getByRole('region', { name: 'Steps' }),
}
const pill = (page, text) => page.locator('.page-header').getByText(text, { exact: true })

/** Begins a draft from the template whose title matches. */
async function begin(page, template, { name, value, waivable = false }) {
  await page.getByRole('navigation', { name: 'Screens' }).waitFor()
  await go(page, '/policies/drafts/begin')
  await page.getByRole('radio', { name: template }).check()
  if (waivable) await page.getByRole('checkbox', { name: 'Two people can waive it' }).check()
  if (value !== undefined) await page.getByRole('spinbutton').fill(value)
  await page.getByLabel('Name').fill(name)
  await page.getByLabel('Reason, for the journal').fill('Journey of the tests')
  await page.getByRole('button', { name: 'Begin it' }).click()
  await page.getByRole('heading', { level: 1, name }).waitFor()
}

async function testIt(page) {
  await page.getByRole('button', { name: 'Test it' }).click()
  await room.test(page).getByRole('row').nth(1).waitFor()
  await room.test(page).locator('.head').getByText(/^\d+ (passed|failed)$/).waitFor()
}

async function replayIt(page) {
  await page.getByRole('button', { name: 'Replay it' }).click()
  await room.replay(page).getByText('evaluated').waitFor()
  await room.replay(page).getByRole('list', { name: 'Decisions that change' }).waitFor()
}

/** Takes the step that a dialog asks about. */
async function confirm(page, button, said) {
  await page.getByRole('button', { name: button }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Reason, for the journal').fill(said)
  await dialog.locator('button[type=submit]').click()
  await dialog.waitFor({ state: 'detached' })
}

/** A second person approves, in the inbox, what is named. */
async function approve(summary) {
  await withPage({ person: 'adam' }, async (adam) => {
    await go(adam, '/inbox')
    const row = adam.getByRole('listitem').filter({ hasText: summary })
    await row.getByRole('button', { name: 'Approve…' }).click()
    await adam.getByRole('dialog').getByLabel('Reason, for the journal').fill('Looked at it')
    await adam.getByRole('dialog').getByRole('button', { name: 'Approve' }).click()
    await row.waitFor({ state: 'detached' })
  })
}

for (const [width, height, dark] of [[1440, 900, false], [390, 844, true]]) {
  const look = `${width}-${dark ? 'dark' : 'light'}`
  journey(`the rules in force are read, ${look}`, { person: 'sofia', width, height, dark }, async (page) => {
    await page.getByRole('navigation', { name: 'Screens' }).waitFor()
    for (const [path, wait] of [['', 'Rules'], ['/drafts', 'Drafts'], ['/history', 'Generations'], ['/waivers', 'Waivers'], ['/explain', 'Question']]) {
      await go(page, `/policies${path}`)
      await page.getByRole('region', { name: wait, exact: true }).waitFor()
      await page.getByText('Loading…').waitFor({ state: 'detached' })
      await screenshot(page, `policies${path.replace('/', '-')}-${look}`)
      await assertNoProblems(page)
      assert.ok(!(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth)), `${path}: nothing is wider than the window`)
    }
    await go(page, '/policies')
    await page.getByRole('searchbox', { name: 'Search rules' }).fill('base.trip.entitled')
    await page.getByRole('region', { name: 'Rules', exact: true }).getByRole('row').nth(1).getByRole('link').click()
    await page.getByRole('region', { name: 'Text' }).getByText('forbid').waitFor()
    await screenshot(page, `policies-rule-${look}`)
    await assertNoProblems(page)
  })
}

journey('every rule to begin from works as it stands, with its cases', { person: 'sofia' }, async (page) => {
  await begin(page, /^Forbid .* with a heavy load/, { name: 'All templates', waivable: true })
  await page.getByText('No faults').waitFor()
  for (let n = 1; ; n++) {
    await page.getByRole('button', { name: 'Add a rule…' }).click()
    const dialog = page.getByRole('dialog', { name: 'Add a rule' })
    const templates = dialog.getByRole('radio')
    await templates.first().waitFor()
    if (n === await templates.count()) break
    await templates.nth(n).check()
    await dialog.getByRole('button', { name: 'Add it with its cases' }).click()
    await dialog.waitFor({ state: 'detached' })
  }
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Save' }).click()
  await room.steps(page).getByText('Test it with its cases').waitFor()
  await page.getByText('No faults').waitFor()
  await testIt(page)
  const failed = await room.test(page).getByRole('row').filter({ hasText: 'Failed' }).allInnerTexts()
  assert.deepEqual(failed, [])
  assert.equal(await room.test(page).getByText('No case shows').count(), 0)
  await screenshot(page, 'policies-templates')
  await confirm(page, 'Withdraw…', 'Journey of the tests')
  await pill(page, 'Withdrawn').waitFor()
})

journey('a fault is shown with its line while it is typed, and words are put in by a click', { person: 'sofia', expects: /status of (400|401|422)/ }, async (page) => {
  await begin(page, /^Limit the speed of /, { name: `Slow ${Date.now() % 100_000}`, value: '7' })
  const rules = page.getByRole('textbox', { name: 'Rules' })
  const text = await rules.inputValue()
  await rules.fill(text.replace(';', '\nwhen { context.no_such_fact > 3 };'))
  const fault = page.getByRole('button', { name: /^Line \d+$/ })
  await fault.waitFor()
  await room.steps(page).getByText(/Mend 1 fault/).waitFor()
  await screenshot(page, 'policies-fault')
  await assertNoProblems(page)
  await fault.click()
  await page.locator('textarea:focus').waitFor()
  await rules.fill(text.replace(';', '\nwhen {  };'))
  await rules.evaluate((field) => { const at = field.value.indexOf('{  }') + 2; field.setSelectionRange(at, at) })
  const words = page.getByRole('region', { name: 'Vocabulary' })
  await words.getByRole('searchbox').fill('trip.request payload')
  await words.getByRole('button', { name: /^payload_kg/ }).first().click()
  assert.match(await rules.inputValue(), /when \{ context\.payload_kg\.greaterThan\(decimal\("0\.0"\)\) \};/)
  await page.getByText('No faults').waitFor()
  await page.keyboard.press('Control+s')
  await page.getByText('Saved.').waitFor()
  await confirm(page, 'Withdraw…', 'Journey of the tests')
})

journey('a rule comes into force by two people, refuses, is waived, and is taken back by two', { person: 'sofia', expects: /status of (401|403)/ }, async (page) => {
  const name = `No heavy loads ${Date.now() % 100_000}`
  await begin(page, /^Forbid .* with a heavy load/, { name, value: '250', waivable: true })
  await room.steps(page).getByText('Test it with its cases').waitFor()
  assert.ok(await page.getByRole('button', { name: 'Activate…' }).isDisabled(), 'nothing comes into force untested')
  await testIt(page)
  await replayIt(page)
  await screenshot(page, 'policies-replayed')
  await assertNoProblems(page)
  await confirm(page, 'Run in shadow…', 'We look at it first')
  await pill(page, 'In shadow').waitFor()
  await page.getByRole('region', { name: 'Shadow' }).getByText('decisions since').waitFor()
  await screenshot(page, 'policies-shadow')
  await confirm(page, 'Activate…', 'The bridge carries no more')
  await pill(page, 'Waits for approval').waitFor()
  await page.getByRole('region', { name: 'Approval' }).getByRole('link', { name: 'Open the inbox' }).waitFor()
  await screenshot(page, 'policies-approval')
  await assertNoProblems(page)
  await approve(name)
  await pill(page, 'In force').waitFor()
  await screenshot(page, 'policies-in-force')

  await go(page, '/policies/explain')
  await page.getByLabel('Who asks').selectOption('dispatcher')
  await page.getByLabel('payload, kg').fill('251')
  await page.getByRole('button', { name: 'What would be decided?' }).click()
  const answer = page.getByRole('region', { name: 'Answer' })
  await answer.getByText('Denied').waitFor()
  await answer.getByRole('link', { name: 'tenant.trip.load' }).waitFor()
  await answer.getByText('payload 250 kg, not 251').waitFor()
  await screenshot(page, 'policies-explained')
  await assertNoProblems(page)

  await go(page, '/policies/rules/tenant.trip.load')
  await page.getByRole('link', { name: 'Ask for a waiver…' }).click()
  const waiver = page.getByRole('dialog', { name: 'Ask for a waiver' })
  await waiver.getByLabel('Reason, for the journal').fill('The bridge is closed to others today')
  await screenshot(page, 'policies-waiver')
  await waiver.getByRole('button', { name: 'Ask for it' }).click()
  await waiver.waitFor({ state: 'detached' })
  await approve('Waive the rule tenant.trip.load')
  const waived = page.getByRole('row').filter({ hasText: 'The bridge is closed to others today' }).filter({ hasText: 'In force' })
  await waived.waitFor()
  await confirm(page, 'End the waiver of tenant.trip.load', 'The others are back')
  await page.getByRole('row').filter({ hasText: 'Ended' }).first().waitFor()
  await screenshot(page, 'policies-waivers')

  await go(page, '/policies/history')
  await confirm(page, 'No rules of our own…', 'Journey of the tests')
  await approve('Journey of the tests')
  await page.waitForFunction(async () => (await (await fetch('/v1/policies')).json()).own === null)
  await page.getByText('none of your own').first().waitFor()
  await screenshot(page, 'policies-history')
  assert.equal((await callAs(page, 'GET', '/v1/policies')).own, null)
})
