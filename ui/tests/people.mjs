// The journeys of people: who signs in sees the screens of their role, and is told when that ends.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { api, callAs, go, mapDrawn, screenshot, signIn } from './browser.mjs'
import { assertNoProblems, journey, withPage } from './journey.mjs'

const ALL_SCREENS = ['Inbox', 'Operations', 'Vehicles', 'Trips', 'Updates', 'Maintenance', 'Security', 'Evidence', 'Policies', 'Sector', 'Settings']
/** Who may read the journal has Evidence, and who may read vehicles and trips has theirs: the server says who may what. */
const PEOPLE = [
  ['dana', 'Dispatcher', '/operations', ALL_SCREENS.filter((label) => label !== 'Security')],
  ['sofia', 'Safety officer', '/inbox', ALL_SCREENS],
  ['tomas', 'Technician', '/vehicles', ['Inbox', 'Operations', 'Vehicles', 'Trips', 'Updates', 'Maintenance', 'Policies', 'Sector', 'Settings']],
  ['simon', 'Security analyst', '/security', ALL_SCREENS],
  ['aida', 'Auditor', '/evidence', ['Evidence', 'Policies', 'Sector', 'Settings']],
]

/** The screens that the navigation offers, once the page is on the first of them. */
async function screensFrom(page, first) {
  await page.waitForURL((url) => url.pathname === first)
  return page.getByRole('navigation', { name: 'Screens' }).locator('.label').allInnerTexts()
}

test('five people sign in and see different screens', async () => {
  const seen = new Set()
  for (const [person, , first, screens] of PEOPLE) {
    await withPage({ person }, async (page) => {
      const labels = await screensFrom(page, first)
      assert.deepEqual(labels, screens, person)
      assert.ok(labels.map((label) => `/${label.toLowerCase()}`).includes(first), `${person} begins at one of them`)
      seen.add(`${labels.join(', ')}, beginning at ${first}`)
    })
  }
  assert.equal(seen.size, PEOPLE.length, [...seen].join('; '))
})

for (const [person, role, first, screens] of PEOPLE) {
  journey(`${person} signs in, sees the screens of the role ${role}, and signs out`, { person }, async (page) => {
    assert.deepEqual(await screensFrom(page, first), screens)
    await page.getByRole('heading', { level: 1 }).first().waitFor({ state: 'attached' })
    await screenshot(page, `first-screen-${person}`)
    await assertNoProblems(page)
    await page.getByRole('button', { name: `${person}, ${role}` }).click()
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('heading', { level: 1, name: 'Sign in' }).waitFor()
    assert.equal((await page.request.get(new URL('/v1/session', page.url()).href)).status(), 401)
  })
}

journey('a wrong password is answered in one sentence, and what was typed stays', { person: null }, async (page) => {
  await signIn(page, 'dana', 'not the password of dana')
  const alert = page.getByRole('alert')
  await alert.waitFor()
  assert.equal(await alert.innerText(), 'The organisation, the e-mail address or the password is not right.')
  assert.equal(await page.getByLabel('Organisation').inputValue(), 'coquimbo-city')
  assert.equal(await page.getByLabel('E-mail').inputValue(), 'dana@demo.example')
  await screenshot(page, 'wrong-password')
})

/** Tries to sign in, and waits for the answer. */
async function tryToSignIn(page, person) {
  const answered = page.waitForResponse((response) => response.request().method() === 'POST' && response.url().endsWith('/v1/session'))
  await signIn(page, person, 'not the password of anybody')
  return (await answered).json()
}

journey('other refusals to sign in are told in the server’s own words', { person: null, expects: /status of (401|403|429)/ }, async (page) => {
  const alert = page.getByRole('alert')
  const words = (detail) => new RegExp(`^${detail}\\.?$`, 'i')
  await page.setExtraHTTPHeaders({ 'X-Forwarded-For': '203.0.113.7' })
  const insecure = await tryToSignIn(page, 'dana')
  assert.equal(insecure.status, 403)
  assert.match(await alert.innerText(), words(insecure.detail))
  await page.setExtraHTTPHeaders({})
  let refused
  for (let tries = 0; tries < 10 && refused?.status !== 429; tries++) refused = await tryToSignIn(page, 'nobody')
  assert.equal(refused.status, 429)
  await alert.getByText(words(refused.detail)).waitFor()
  await screenshot(page, 'sign-in-refused')
})

journey('a stream alone notices that its session ended', { person: 'aida' }, async (page) => {
  await page.getByRole('region', { name: 'Events' }).getByRole('row').nth(1).waitFor()
  await withPage({ person: 'aida' }, (elsewhere) => callAs(elsewhere, 'DELETE', '/v1/sessions'))
  await page.getByRole('alert').getByText('Your session ended').waitFor()
})

journey('a session that ended by time is told though nothing is asked', { person: null }, async (page) => {
  await page.clock.install()
  await signIn(page, 'aida')
  await page.getByRole('region', { name: 'Events' }).getByRole('row').nth(1).waitFor()
  // The server does not wait two hours for a test: to it the session ends now, without a word to its streams.
  await page.context().clearCookies()
  await page.clock.fastForward('02:05:00')
  await page.getByRole('alert').getByText('Your session ended').waitFor()
})

journey('a session that is ended elsewhere is told, and one goes on where one was', { person: 'dana' }, async (page) => {
  const { id, name } = (await api('/v1/vehicles?limit=1')).items[0]
  await go(page, `/vehicles/${id}`)
  await page.getByRole('heading', { level: 1, name }).waitFor()
  await withPage({ person: 'dana' }, (elsewhere) => callAs(elsewhere, 'DELETE', '/v1/sessions'))
  await page.getByRole('alert').getByText('Your session ended').waitFor()
  await screenshot(page, 'session-ended')
  await assertNoProblems(page)
  await signIn(page, 'dana')
  await page.getByRole('heading', { level: 1, name }).waitFor()
  assert.equal(new URL(page.url()).pathname, `/vehicles/${id}`)
})

journey('night colours are chosen by keyboard, kept, and accessible', {}, async (page) => {
  await page.getByRole('button', { name: /Administrator$/ }).press('Enter')
  const night = page.getByRole('group', { name: 'Colours' }).getByRole('button', { name: 'Night' })
  await night.press('Enter')
  await page.locator('html[data-theme=night]').waitFor()
  await assertNoProblems(page)
  await page.keyboard.press('Escape')
  await page.reload()
  await page.locator('html[data-theme=night]').waitFor()
  await mapDrawn(page)
  for (const path of ['/inbox', '/vehicles', '/maintenance', '/security', '/settings/profile']) {
    await go(page, path)
    await page.getByRole('heading', { level: 1 }).waitFor()
    await screenshot(page, `night${path.replaceAll('/', '-')}`)
    await assertNoProblems(page)
  }
  await page.getByRole('combobox', { name: 'Colours' }).selectOption('system')
  await page.locator('html[data-theme=light]').waitFor()
})

journey('the tour walks through every screen of an administrator by keyboard', {}, async (page) => {
  await page.getByRole('button', { name: /Administrator$/ }).press('Enter')
  await page.getByRole('button', { name: 'Take the tour' }).press('Enter')
  const tour = page.getByRole('region', { name: 'Tour' })
  // Nothing moves by itself where the system asks for less motion, as these journeys do.
  await tour.getByRole('button', { name: 'Go on by itself' }).waitFor()
  await assertNoProblems(page)
  const seen = []
  for (;;) {
    const title = await tour.getByRole('heading').textContent()
    seen.push(title)
    await page.getByRole('link', { name: title }).and(page.locator('[aria-current=page]')).first().waitFor()
    const next = tour.getByRole('button', { name: 'Next' })
    if (await next.count() === 0) break
    await next.press('Enter')
    await tour.getByText(`${seen.length + 1} of`).waitFor()
  }
  assert.ok(seen.length >= 10, seen.join(', '))
  await tour.getByRole('button', { name: 'End the tour' }).press('Enter')
  await tour.waitFor({ state: 'detached' })
})
