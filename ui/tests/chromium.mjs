// The browser of tests and benches.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'

/** The one that is named, or Debian's Chromium. Its own software draws the map where there is no graphics card. */
const PROGRAM = process.env.ATLASMESH_CHROMIUM ?? process.env.PATH.split(':').map((folder) => join(folder, 'chromium')).find(existsSync)
const ARGUMENTS = [
  '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync',
  '--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader',
]

export async function launch() {
  if (!PROGRAM) throw new Error('there is no Chromium: install the package chromium, or name it in ATLASMESH_CHROMIUM')
  return chromium.launch({ executablePath: PROGRAM, args: ARGUMENTS })
}
