// How the page is built: one bundle with the map library apart, every text file also compressed, so that the program
// that embeds the folder serves it small without compressing anything itself.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { constants, gzipSync } from 'node:zlib'
import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig, type Plugin } from 'vite'

/** Where the server of `npm run dev` finds the API. */
const SERVER = process.env.ATLASMESH_URL ?? 'http://127.0.0.1:8080'

function compressed(): Plugin {
  return {
    name: 'compressed',
    apply: 'build',
    closeBundle() {
      for (const file of readdirSync('dist', { recursive: true, encoding: 'utf8' })) {
        if (!/\.(html|js|mjs|css|svg)$/.test(file)) continue
        const path = join('dist', file)
        writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: constants.Z_BEST_COMPRESSION }))
      }
    },
  }
}

export default defineConfig({
  plugins: [svelte(), compressed()],
  build: {
    target: 'es2022',
    modulePreload: { polyfill: false },
    // What is inlined as `data:` would not pass the page's own content security policy.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1500,
    rolldownOptions: {
      output: {
        // The map library changes seldom: a new page does not fetch it again.
        codeSplitting: { groups: [{ name: 'maplibre', test: /node_modules[\\/]maplibre-gl/ }] },
      },
    },
  },
  server: {
    proxy: { '/v1': { target: SERVER, ws: true } },
  },
})
