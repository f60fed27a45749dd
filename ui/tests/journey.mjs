// A journey: a test on a page of its own, which must have no problems at the end.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { AxeBuilder } from '@axe-core/playwright'
import { open, screenshot } from './browser.mjs'
import { launch } from './chromium.mjs'

let browser
before(async () => { browser = await launch() })
after(async () => { await browser?.close() })

export function journey(name, options, run) {
  test(name, () => withPage(options, run))
}

export async function withPage(options, run) {
  const page = await open(browser, options)
  try {
    await run(page)
    await assertNoProblems(page)
  } catch (error) {
    await screenshot(page, 'failed')
    throw error
  } finally {
    await page.context().close()
  }
}

/** No error, no request to another host and no accessibility violation. */
export async function assertNoProblems(page) {
  assert.deepEqual(page.problems, [])
  const { violations } = await new AxeBuilder({ page }).exclude('.maplibregl-canvas-container').analyze()
  assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`), [])
}
