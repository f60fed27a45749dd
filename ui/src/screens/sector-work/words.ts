// What blasts, jobs, places, emission states and clearances are in words.
import type { BlastState, BlastStep, ClearanceLevel, Day, EmissionState, Hours, JobState, PlaceKind } from '../../api/sector-work'
import type { Tone } from '../../components/StatusPill.svelte'
import type { Fleet } from '../../live/fleet.svelte'
import { humanize } from '../../live/state'
import { say } from '../../state/sector.svelte'
import { session } from '../../state/session.svelte'

interface Words { label: string; tone: Tone; meaning: string }

export const BLAST: Record<BlastState, Words> = {
  PLANNED: { label: 'Planned', tone: '', meaning: 'it is announced, and nothing is closed' },
  CLEARING: { label: 'Clearing', tone: 'serious', meaning: 'its area is closed, and everybody leaves it' },
  GUARDED: { label: 'Guarded', tone: 'serious', meaning: 'everybody is out, and every way in is guarded' },
  FIRED: { label: 'Fired', tone: 'critical', meaning: 'nobody goes near before it is examined' },
  MISFIRE: { label: 'Misfire', tone: 'critical', meaning: 'not everything went off: nobody goes near' },
  EXAMINED: { label: 'Examined', tone: 'active', meaning: 'all is well, and its area is still closed' },
  RELEASED: { label: 'Released', tone: 'good', meaning: 'its area is open again' },
  CALLED_OFF: { label: 'Called off', tone: '', meaning: 'it is not fired' },
}

export interface StepWords { label: string; done: string; button: string; title: string; follows: string[]; reason: string; danger?: boolean }
export const BLAST_STEP: Record<BlastStep, StepWords> = {
  clear: { label: 'Clear', done: 'Cleared', button: 'Clear the area…', title: 'Clear the area?', follows: ['Its area is closed at once, and {vehicle.many} inside leave it.', 'Nobody drives in until it is released or called off.'], reason: 'Charging is done' },
  guard: { label: 'Guard', done: 'Guarded', button: 'Say that it is guarded…', title: 'Everybody is out and every way in is guarded?', follows: ['It is refused while {vehicle.a} is inside, or while nobody knows where one is.', 'Another person fires.'], reason: 'Both posts report clear' },
  fire: { label: 'Fire', done: 'Fired', button: 'Fired…', title: 'Say that it is fired?', follows: ['You are not the one who guarded it.', 'The area stays closed until it is examined and released.'], reason: 'Sirens sounded, fired', danger: true },
  examine: { label: 'Examine', done: 'Examined', button: 'Sign the examination…', title: 'Sign the examination', follows: ['You are not the one who fired.'], reason: 'Looked at the face and the muck pile' },
  release: { label: 'Release', done: 'Released', button: 'Release the area…', title: 'Release the area?', follows: ['Its closure is lifted. Nothing moves by it: dispatch sends {vehicle.many} again.'], reason: 'The shovel can go back' },
  'call-off': { label: 'Call off', done: 'Called off', button: 'Call it off…', title: 'Call it off?', follows: ['It is not fired, and its area is opened again where it is closed.'], reason: 'Lightning within 10 km', danger: true },
}
/** The clock: the steps in their order, with the step of the story that each is done by. */
export const CLOCK: BlastStep[] = ['clear', 'guard', 'fire', 'examine', 'release']

export const JOB: Record<JobState, Words> = {
  WAITING: { label: 'Waits at the gate', tone: 'serious', meaning: 'the gate has not let it go' },
  RELEASED: { label: 'Released', tone: 'active', meaning: 'it may be moved' },
  UNDER_WAY: { label: 'Under way', tone: 'active', meaning: 'it is being moved' },
  DONE: { label: 'Done', tone: 'good', meaning: 'it is where it was to go' },
  CANCELLED: { label: 'Cancelled', tone: '', meaning: 'it is not moved' },
}

/** The classes of dangerous goods, and the colour of the label that stands on the container. */
export const HAZARDS: Record<string, { name: string; colour: 'orange' | 'red' | 'green' | 'white' | 'blue' | 'yellow' | 'black' }> = {
  1: { name: 'explosives', colour: 'orange' }, '2.1': { name: 'flammable gas', colour: 'red' }, '2.2': { name: 'gas, neither flammable nor toxic', colour: 'green' }, '2.3': { name: 'toxic gas', colour: 'white' },
  3: { name: 'flammable liquid', colour: 'red' }, '4.1': { name: 'flammable solid', colour: 'red' }, '4.2': { name: 'ignites by itself', colour: 'red' }, '4.3': { name: 'dangerous when wet', colour: 'blue' },
  '5.1': { name: 'oxidiser', colour: 'yellow' }, '5.2': { name: 'organic peroxide', colour: 'yellow' }, '6.1': { name: 'toxic', colour: 'white' }, 7: { name: 'radioactive', colour: 'yellow' }, 8: { name: 'corrosive', colour: 'black' }, 9: { name: 'other hazards', colour: 'white' },
}
/** In the order of the classes: an object has `9` before `2.1`. */
export const HAZARD_CLASSES = Object.keys(HAZARDS).sort((a, b) => Number(a) - Number(b))
export const hazardOptions = () => HAZARD_CLASSES.map((value) => ({ value, label: value, description: HAZARDS[value]!.name }))

export const PLACE: Record<PlaceKind, string> = { load_face: 'Load face', dump: 'Dump', gate: 'Gate', block: 'Block', pick_up_place: 'Pick-up place', waypoint: 'Waypoint' }
export const placeWords = (kind: string) => PLACE[kind as PlaceKind] ?? humanize(kind)

export const EMISSION: Record<EmissionState, Words> = {
  unrestricted: { label: 'Unrestricted', tone: '', meaning: 'everything may be sent out' },
  reduced: { label: 'Reduced', tone: 'active', meaning: 'only what work needs is sent out' },
  restricted: { label: 'Restricted', tone: 'serious', meaning: 'only what safety needs is sent out' },
  silent: { label: 'Silent', tone: 'critical', meaning: 'nothing is sent out: no {trip.one} is asked for and no {vehicle.one} gets one' },
}
/** What a state forbids, as a part of a sentence or as one of its own. */
export const emissionMeaning = (state: EmissionState) => say(EMISSION[state].meaning)

export const LEVEL: Record<ClearanceLevel, string> = { unclassified: 'Unclassified', restricted: 'Restricted', confidential: 'Confidential', secret: 'Secret' }

const DAY: Record<Day, string> = { mon: 'Mon', tue: 'Tue', wed: 'Wed', thu: 'Thu', fri: 'Fri', sat: 'Sat', sun: 'Sun' }
export const dayWords = (day: Day) => DAY[day]
const ORDER = Object.keys(DAY) as Day[]
/** `Mon–Fri 06:00–23:30`. */
export function hoursWords({ days, from, to }: Hours): string {
  const found = ORDER.filter((day) => days.includes(day))
  const runs: Day[][] = []
  for (const day of found) {
    const last = runs.at(-1)
    if (last && ORDER.indexOf(day) === ORDER.indexOf(last.at(-1)!) + 1) last.push(day)
    else runs.push([day])
  }
  const words = found.length === 7 ? 'Every day' : runs.map((run) => (run.length > 2 ? `${DAY[run[0]!]}–${DAY[run.at(-1)!]}` : run.map((day) => DAY[day]).join(', '))).join(', ')
  return `${words} ${from}–${to}`
}

export function whoIs(id: string): string {
  return id === session.identity?.principal ? 'you' : id === 'atlasmesh' ? 'AtlasMesh' : session.nameOf(id)
}
export const siteOptions = (fleet: Fleet) => fleet.sites.map(({ site }) => ({ value: site, label: site }))
