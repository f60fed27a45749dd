// The profile of a vehicle as a form: its fields, what is wrong with them before they are sent, and what is sent.
import type { Registration } from '../../api/types'
import type { Field, Values } from '../../components/Form.svelte'
import { humanize } from '../../live/state'
import { say } from '../../state/sector.svelte'

type Sector = NonNullable<Registration['sectors']>[number]
type Component = NonNullable<Registration['components']>[number]

/** A `Record`, so that a sector that the API gains does not compile until it is here. */
const SECTORS: Record<Sector, null> = { 'ride-hail': null, logistics: null, mining: null, defense: null }
const KMH_PER_MPS = 3.6
const WH_PER_KWH = 1_000

export function profileFields(sites: string[], sector: string | null): Field[] {
  return [
    { name: 'name', label: 'Name', maxlength: 60, placeholder: 'taxi-07', hint: say('As it is called in lists and by radio; no other {vehicle.one} has it.') },
    { name: 'site', half: true, label: say('{site.One}'), kind: 'select', options: sites.map((site) => ({ value: site, label: site })) },
    { name: 'simulated', half: true, label: 'What it is', kind: 'select', options: [{ value: '', label: say('A real {vehicle.one}') }, { value: 'yes', label: say('A simulated {vehicle.one}') }] },
    { name: 'vin', label: say('{vehicle.One} identification number (VIN)'), optional: true, maxlength: 17, hint: say('Of a real {vehicle.one}. The journal has a commitment to it only.') },
    { name: 'sectors', label: 'Built for', kind: 'choices', value: sector === null ? [] : [sector], hint: 'All of them if none is chosen.', options: Object.keys(SECTORS).map((value) => ({ value, label: humanize(value) })) },
    { name: 'capabilities', label: 'Capabilities', placeholder: 'passenger, delivery', hint: 'What it can do, with commas between.' },
    { name: 'max_speed_mps', half: true, label: 'Fastest speed (km/h)', kind: 'number', placeholder: '90' },
    { name: 'seats', half: true, label: 'Seats', kind: 'number', value: '0' },
    { name: 'payload_max_kg', half: true, label: say('Heaviest {load.one} (kg)'), kind: 'number', value: '0' },
    { name: 'energy_capacity_wh', half: true, label: 'Usable energy when full (kWh)', kind: 'number', placeholder: '75' },
    { name: 'components', label: 'Components', optional: true, placeholder: 'ads 1.0.0, brake 1.0.0', hint: 'What it is made of, each with its version, with commas between.' },
  ]
}

const textOf = (values: Values, name: string) => String(values[name] ?? '').trim()
const listOf = (values: Values, name: string) => textOf(values, name).split(',').map((item) => item.trim()).filter(Boolean)
const numberOf = (values: Values, name: string) => (textOf(values, name) === '' ? NaN : Number(textOf(values, name)))
const isWord = (text: string) => /^[a-z0-9_-]{1,40}$/.test(text)
const vinOf = (values: Values) => textOf(values, 'vin').toUpperCase()

function componentOf(text: string): Component {
  const [name = '', ...version] = text.split(/\s+/)
  return { name, version: version.join(' ') }
}

/** What is wrong, in words that go on after the label of the field. */
export function checkProfile(values: Values): Record<string, string> {
  const wrong: Record<string, string> = {}
  const number = (name: string, least: number, most: number, rule: string, whole = false) => {
    const value = numberOf(values, name)
    if (!(value >= least && value <= most) || (whole && !Number.isInteger(value))) wrong[name] = rule
  }
  if (textOf(values, 'name') === '') wrong['name'] = 'is missing'
  if (vinOf(values) !== '' && !/^[A-HJ-NPR-Z0-9]{17}$/.test(vinOf(values))) wrong['vin'] = 'has 17 letters and digits, and no I, O or Q among them'
  const odd = listOf(values, 'capabilities').find((name) => !isWord(name))
  if (odd !== undefined) wrong['capabilities'] = `have small letters, digits, - and _ only, unlike ${odd}`
  number('max_speed_mps', Number.MIN_VALUE, 60 * KMH_PER_MPS, 'is more than 0 and at most 216')
  number('seats', 0, 500, 'are a whole number from 0 to 500', true)
  number('payload_max_kg', 0, 1_000_000, 'is a number from 0 to 1,000,000')
  number('energy_capacity_wh', Number.MIN_VALUE, 100_000, 'is more than 0 and at most 100,000')
  const unclear = listOf(values, 'components').find((text) => !isWord(componentOf(text).name) || componentOf(text).version === '')
  if (unclear !== undefined) wrong['components'] = `are each a name in small letters and a version, such as brake 1.0.0, unlike ${unclear}`
  return wrong
}

export function registrationOf(values: Values): Registration {
  return {
    site: textOf(values, 'site'),
    name: textOf(values, 'name'),
    vin: vinOf(values) || null,
    capabilities: listOf(values, 'capabilities'),
    sectors: values['sectors'] as Sector[],
    payload_max_kg: numberOf(values, 'payload_max_kg'),
    seats: numberOf(values, 'seats'),
    max_speed_mps: numberOf(values, 'max_speed_mps') / KMH_PER_MPS,
    energy_capacity_wh: numberOf(values, 'energy_capacity_wh') * WH_PER_KWH,
    simulated: textOf(values, 'simulated') !== '',
    components: listOf(values, 'components').map(componentOf),
  }
}
