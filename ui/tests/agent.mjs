// A vehicle's agent beside those of the demo, for as long as a journey needs it.
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The agent's program: the one that is named, or the one that is built beside the server's. */
export const AGENT = process.env.ATLASMESH_AGENT ?? join(import.meta.dirname, '../../target/debug/atlasmesh-agent')

/** Runs the agent of a vehicle with its bootstrap file until `run` is done. */
export async function withAgent(bootstrap, args, run) {
  const state = await mkdtemp(join(tmpdir(), 'atlasmesh-agent-'))
  const agent = spawn(AGENT, ['run', '--bootstrap', bootstrap, '--state', join(state, 'state'), ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  agent.stderr.on('data', (data) => { said = (said + data).slice(-2_000) })
  const ended = new Promise((resolve, reject) => {
    agent.on('error', reject)
    agent.on('exit', (code) => resolve(code))
  })
  try {
    await Promise.race([run(), ended.then((code) => { throw new Error(`the agent ended with ${code}: ${said}`) })])
  } finally {
    agent.kill('SIGKILL')
    await ended.catch(() => {})
    await rm(state, { recursive: true, force: true })
  }
}
