// What rollouts and updates are called, and why a rollout holds, in words.
import type { Release, Rollout, RolloutStage, UpdateStatus, VehicleUpdate } from '../../api/types'
import { formatDateTime, formatDuration, formatTime, isToday } from '../../components/format'
import type { Tone } from '../../components/StatusPill.svelte'
import { humanize } from '../../live/state'
import { say } from '../../state/sector.svelte'

/** A `Record`, so that a status that the API gains does not compile until it has words here. */
export const ROLLOUT_STATUS: Record<Rollout['status'], { label: string; tone: Tone }> = {
  PLANNED: { label: 'Planned', tone: '' },
  RUNNING: { label: 'Running', tone: 'active' },
  PAUSED: { label: 'Paused', tone: 'critical' },
  COMPLETED: { label: 'Completed', tone: 'good' },
  ABORTED: { label: 'Aborted', tone: '' },
}

/** In the order in which a vehicle passes them. */
export const UPDATE_STATUS: Record<UpdateStatus, { label: string; tone: Tone; meaning: string }> = {
  SCHEDULED: { label: 'Scheduled', tone: '', meaning: 'held, and offered it when parked and free' },
  OFFERED: { label: 'Offered', tone: 'active', meaning: 'may read the offer' },
  RETRIEVED: { label: 'Checked', tone: 'active', meaning: 'has read the offer and checked its signatures' },
  DOWNLOADING: { label: 'Downloading', tone: 'active', meaning: 'gets the image' },
  DOWNLOADED: { label: 'Downloaded', tone: 'active', meaning: 'has the image' },
  INSTALLING: { label: 'Installing', tone: 'active', meaning: 'writes it to the slot that is not in use' },
  INSTALLED: { label: 'Installed', tone: 'active', meaning: 'is to boot it' },
  CLAIMED: { label: 'Says done', tone: 'active', meaning: 'its client says that it is done' },
  REPORTED: { label: 'Reported', tone: 'active', meaning: 'its client names the release' },
  SUCCEEDED: { label: 'Proven', tone: 'good', meaning: 'runs it, and has proven that' },
  FAILED: { label: 'Failed', tone: 'critical', meaning: 'failed, or proved nothing in time' },
  REJECTED: { label: 'Rejected', tone: 'critical', meaning: 'refused the offer' },
  CANCELLED: { label: 'Cancelled', tone: '', meaning: 'was called back' },
}

export const UNDER_WAY: UpdateStatus[] = ['SCHEDULED', 'OFFERED', 'RETRIEVED', 'DOWNLOADING', 'DOWNLOADED', 'INSTALLING', 'INSTALLED', 'CLAIMED', 'REPORTED']

export const WHOLE_PPM = 1_000_000
const PPM_PER_PERCENT = 10_000

export const formatShare = (ppm: number) => `${Number((ppm / PPM_PER_PERCENT).toFixed(4))}\u00a0%`
export const vehicles = (count: number) => `${count} ${say(count === 1 ? '{vehicle.one}' : '{vehicle.many}')}`
export const finished = ({ proven, failed }: { proven: number; failed: number }) => proven + failed

/** Who is in a stage. */
export function stageLabel({ share_ppm }: Pick<RolloutStage, 'share_ppm'>): string {
  if (share_ppm === null) return 'Named first'
  return share_ppm === WHOLE_PPM ? 'The whole fleet' : `${formatShare(share_ppm)} of the fleet`
}

/** When a stage is over. */
export function stageRule({ soak_s, advance }: Pick<RolloutStage, 'soak_s' | 'advance'>, isLast: boolean): string {
  const least = soak_s > 0 ? `at least ${formatDuration(soak_s * 1000)}, ` : ''
  const then = isLast ? 'ends' : 'the next opens'
  return `${least}${then} ${advance === 'person' ? 'by a person' : 'by itself when proven'}`
}

/** Where the gate pauses, and where it opens. */
export function gateBounds({ missed, false_pause }: Rollout['gate']): { opens: number; pauses: number } {
  return { opens: Math.log(missed / (1 - false_pause)), pauses: Math.log((1 - missed) / false_pause) }
}

/** How many proofs without any failure the gate wants. */
export function proofsWanted(gate: Rollout['gate']): number {
  return Math.ceil(gateBounds(gate).opens / Math.log((1 - gate.bad_failure_rate) / (1 - gate.good_failure_rate)))
}

function failures(failed: number): string {
  return failed > 0 ? `, ${failed} failed` : ''
}

/** Why a rollout is where it is, in one short line and in a sentence; null where nothing is to be said. */
export function whyOf(rollout: Rollout): { short: string; text: string } | null {
  const { status, hold, members, pause, ended_at } = rollout
  const stage = rollout.stages[rollout.stage]
  if (status === 'PLANNED') return { short: 'Not started', text: 'Nobody gets it before it is started. Look at the preview first: who gets it in which stage, and who does not.' }
  if (status === 'PAUSED') return { short: pause?.reason ?? 'Paused', text: 'Nobody is offered it any more. It goes on when two people want it.' }
  if (status === 'COMPLETED') return { short: `Ended ${ended_at ? formatDateTime(ended_at) : ''}`, text: 'Its last stage is over.' }
  if (status === 'ABORTED') return { short: `Ended ${ended_at ? formatDateTime(ended_at) : ''}`, text: say('It was ended before it was complete. {vehicle.Many} that run the release keep it.') }
  if (!stage) return null
  const isLast = rollout.stage + 1 >= rollout.stages.length
  const next = isLast ? 'end the rollout' : 'open the next stage'
  const { proven, failed } = stage.counts
  switch (hold) {
    case 'SOAK': {
      const end = new Date(Date.parse(rollout.stage_since) + stage.soak_s * 1000)
      const until = isToday(end.toISOString()) ? formatTime(end.toISOString()).slice(0, 5) : formatDateTime(end.toISOString())
      return { short: `Soaks until ${until}`, text: `${proven} proven${failures(failed)}. The stage stays open until ${until}, as planned, so that slow trouble is seen.` }
    }
    case 'FAILURES_IN_SMALL_STAGE':
      return { short: `${failed} of ${finished(stage.counts)} failed: a person decides`, text: `${failed} of ${finished(stage.counts)} failed in a stage that is too small to tell whether the release is bad. A person decides: ${next}, pause, or revert.` }
    case 'NEEDS_PERSON':
      return { short: `Needs a person to ${next}`, text: `${proven} proven${failures(failed)}. The plan wants a person to ${next}.` }
    default: {
      if (members === 0 && hold === null) return { short: 'Nobody is in this stage', text: say('No {vehicle.one} is in this stage now; the gate looks again in a moment.') }
      const counts = members !== null ? `${proven} of ${vehicles(members)} ${proven === 1 ? 'has' : 'have'} proven it${failures(failed)}` : `${vehicles(proven)} ${proven === 1 ? 'has' : 'have'} proven it${failures(failed)}`
      const enough = !isLast && (members === null || members > proofsWanted(rollout.gate)) ? ` ${proofsWanted(rollout.gate)} without a failure are enough.` : ''
      return { short: `Waits for proof${members !== null ? `: ${proven} of ${members}` : ''}${failures(failed)}`, text: `Waits for proof: ${counts}.${enough} ${say('{vehicle.A}')} has proven it when, after its boot, it signs a report that names this image.` }
    }
  }
}

export function releaseName(releases: Release[] | null, id: string): string {
  return releases?.find((release) => release.id === id)?.name ?? '…'
}

/** Codes of how an update ended or what it waits for, where the words of the code are not enough. */
const CODES: Record<string, string> = {
  NO_PROOF: 'proved nothing in time', SELF_TEST_FAILED: 'failed its self-test, and went back to what it ran before',
  POLICY_VIOLATION: 'policy forbids it now', NOT_READY: 'is not ready', LOST_CONNECTION: 'lost its connection',
}

export function outcomeText({ code, detail }: Pick<VehicleUpdate, 'code' | 'detail'>): string {
  const words = code ? (CODES[code] ?? humanize(code).toLowerCase()) : ''
  return [words, detail].filter(Boolean).join(': ')
}

/** What an update waits for: the rule that keeps it waiting says so in its code, where it is one. */
export function waitText({ code, detail }: Pick<VehicleUpdate, 'code' | 'detail'>): string {
  const said = detail ? reasonParts(detail).text : ''
  return said ? `waits: ${said.charAt(0).toLowerCase()}${said.slice(1)}` : `waits: ${code ? (CODES[code] ?? humanize(code.split('.').at(-1) ?? code).toLowerCase()) : ''}`
}

/** A reason with the ids of rules in brackets, apart. */
export function reasonParts(reason: string): { text: string; rules: string[] } {
  const rules: string[] = []
  const text = reason.replace(/^policy forbids [\w.]+: /, '').replace(/\s*\(([a-z0-9-]+(?:\.[a-z0-9-]+)+)\)/g, (_, rule: string) => { rules.push(rule); return '' })
  return { text: text.charAt(0).toUpperCase() + text.slice(1), rules }
}
