// What components, work orders and models are called, and how usage is written, in words.
import type { ClosingCode, ComponentClass, HealthComponent, OrderPriority, OrderStatus, RemainingLife, UsageUnit, Verdict } from '../../api/types'
import { formatDateTime } from '../../components/format'
import type { Tone } from '../../components/StatusPill.svelte'
import { humanize } from '../../live/state'
import { say } from '../../state/sector.svelte'

/** A `Record`, so that a verdict that the API gains does not compile until it has words here. */
export const VERDICT: Record<Verdict, { label: string; tone: Tone; urgency: number; meaning: string }> = {
  GROUND: { label: 'Ground', tone: 'critical', urgency: 6, get meaning() { return say('may fail within a day: the {vehicle.one} goes out of service') } },
  PLAN: { label: 'Plan', tone: 'serious', urgency: 5, meaning: 'a repair is planned' },
  ADVISE: { label: 'Advise', tone: 'serious', urgency: 4, meaning: 'a repair is advised' },
  INSPECT: { label: 'Inspect', tone: 'active', urgency: 3, meaning: 'somebody looks at it: the readings cannot be trusted' },
  UNKNOWN: { label: 'Unknown', tone: '', urgency: 2, meaning: 'nothing is predicted: there is no model or too little is read' },
  HEALTHY: { label: 'Healthy', tone: 'good', urgency: 1, meaning: 'nothing is to be done' },
}

export const CLASSES: Record<ComponentClass, string> = {
  brake_pads: 'Brake pads', tyre: 'Tyre', wheel_bearing: 'Wheel bearing',
  traction_battery: 'Traction battery', coolant_pump: 'Coolant pump', air_compressor: 'Air compressor',
}

/** In the order in which an order passes them. */
export const ORDER_STATUS: Record<OrderStatus, { label: string; tone: Tone; meaning: string }> = {
  REQUESTED: { label: 'Requested', tone: '', meaning: 'waits for approval' },
  APPROVED: { label: 'Approved', tone: 'serious', meaning: 'has no slot in the workshop yet' },
  SCHEDULED: { label: 'Scheduled', tone: 'active', meaning: 'has a bay, a technician and a time' },
  IN_PROGRESS: { label: 'In progress', tone: 'active', meaning: 'somebody works on it' },
  ON_HOLD: { label: 'On hold', tone: 'serious', meaning: 'the work waits' },
  COMPLETED: { label: 'Completed', tone: 'good', meaning: 'the work is done' },
  VERIFIED: { label: 'Verified', tone: 'good', meaning: 'somebody checked the work' },
  CLOSED: { label: 'Closed', tone: '', get meaning() { return say('the {vehicle.one} is back in service') } },
  CANCELLED: { label: 'Cancelled', tone: '', meaning: 'it is not needed' },
}

export const LIFE: OrderStatus[] = ['REQUESTED', 'APPROVED', 'SCHEDULED', 'IN_PROGRESS', 'COMPLETED', 'VERIFIED', 'CLOSED']

export const PRIORITY: Record<OrderPriority, { label: string; tone: Tone; urgency: number }> = {
  critical: { label: 'Critical', tone: 'critical', urgency: 4 },
  high: { label: 'High', tone: 'serious', urgency: 3 },
  medium: { label: 'Medium', tone: '', urgency: 2 },
  low: { label: 'Low', tone: '', urgency: 1 },
}

export const CLOSING: Record<ClosingCode, string> = {
  fault_found: 'It had failed; replaced',
  worn_replaced: 'It was worn, and worked; replaced',
  sound_replaced: 'Nothing was wrong; replaced all the same',
  no_fault_found: 'Nothing was wrong; it stays',
  adjusted: 'Repaired or adjusted; it stays',
}

export const isOver = (status: OrderStatus) => status === 'CLOSED' || status === 'CANCELLED'

/** `brake-front-left` becomes `Brake front left`. */
export const placeLabel = (component: string) => humanize(component.replaceAll('-', '_'))

/** Skills and kinds of bays, such as `tyre_bay`. */
export const wordsOf = (name: string) => name.replaceAll('_', ' ').toLowerCase()

export const UNITS: Record<UsageUnit, string> = { km: 'km', hours: 'h', cycles: 'cycles' }

/** A number with as many digits as mean something. */
export function formatNumber(value: number): string {
  const size = Math.abs(value)
  return value.toLocaleString('en', { maximumFractionDigits: size >= 100 ? 0 : size >= 10 ? 1 : 2 })
}

export const formatUsage = (value: number, unit: UsageUnit) => `${formatNumber(value)}\u00a0${UNITS[unit]}`

export const formatPercent = (share: number) => `${Math.round(share * 100)}\u00a0%`

export function formatHours(hours: number | null): string {
  if (hours === null) return ''
  return hours < 100 ? `${hours < 10 ? Number(hours.toFixed(1)) : Math.round(hours)} h` : `${Math.round(hours / 24)} d`
}

/** A moment that is planned: its seconds say nothing. */

/** What is left, as one sentence. */
export function remainingText({ median, lower80, upper80, lower90, upper90, calibrated }: RemainingLife, unit: UsageUnit): string {
  const of = (value: number) => formatNumber(value)
  return `Most likely ${formatUsage(median, unit)} left; 80 %: ${of(lower80)} to ${formatUsage(upper80, unit)}; 90 %: ${of(lower90)} to ${formatUsage(upper90, unit)}${calibrated ? '' : '; not calibrated'}`
}

export function basisText(basis: NonNullable<HealthComponent['assessment']>['basis']): string {
  switch (basis.kind) {
    case 'model': return `Model, version ${basis.version}`
    case 'lives': return `How long ${basis.units} other parts lasted`
    case 'trouble_code': return 'Trouble code'
    case 'nothing': return 'Nothing yet: no model, and no life of another part'
  }
}

const SIGNAL_UNITS: Record<string, string> = { percent: '%', Celsius: '°C', 'm/s^2': 'm/s²', 'kPa/(m/s^2)': 'kPa per m/s²', mOhm: 'mΩ', ratio: '' }
export const signalUnit = (unit: string) => SIGNAL_UNITS[unit] ?? unit

/** The paths of the vehicle signal specification whose last part alone says too little. */
const SIGNALS: Record<string, string> = {
  'Tire.Pressure': 'Pressure', 'Tire.AirTemperature': 'Air temperature', 'Temperature.Max': 'Highest temperature', 'CellVoltage.Min': 'Lowest cell voltage',
  'EngineCoolant.Temperature': 'Coolant temperature', 'Bearing.Temperature': 'Bearing temperature', 'Bearing.VibrationVelocity': 'Bearing vibration', 'CoolantPump.VibrationVelocity': 'Pump vibration', 'CoolantPump.Current': 'Pump current',
}

/** `Vehicle.Chassis.Axle.*.Wheel.*.Brake.PadWear` becomes `Pad wear`. */
export function signalLabel(path: string): string {
  const parts = path.split('.')
  const known = SIGNALS[parts.slice(-2).join('.')]
  return known ?? humanize((parts.at(-1) ?? path).replace(/([a-z0-9])([A-Z])/g, '$1_$2'))
}

/** What a feature says of a signal. */
const STATISTICS: Record<string, (rows: string) => string> = {
  last: () => '', mean: (rows) => `, mean of ${rows}`, sd: (rows) => `, spread of ${rows}`, slope: (rows) => `, slope of ${rows}`, ewma: () => ', smoothed', drift: () => ', change since new',
}

/** Words of the server with paths of signals as people call them, and with moments as dates. */
export function plain(text: string): string {
  return text
    .replace(/Vehicle(?:\.[\w*]+)+/g, (path) => {
      const [, signal, statistic, rows] = /^(.*)\.(last|mean|sd|slope|ewma|drift)(\d*)$/.exec(path) ?? []
      return signal && statistic ? `${signalLabel(signal)}${STATISTICS[statistic]!(rows ?? '')}` : signalLabel(path)
    })
    .replace(/\b(\d{13}) ms\b/g, (_, ms: string) => formatDateTime(new Date(Number(ms)).toISOString()))
    .replace(/_bay bay\b/g, '_bay')
    .replace(/\b(?:[a-z]+_)+(?:bay|fitter|technician)\b/g, wordsOf)
    .replace(/\b(\d+) to (\d+) (km|h|cycles) left, most likely (\d+)/, (_, from: string, to: string, unit: string, likely: string) =>
      `${formatNumber(Number(from))} to ${formatNumber(Number(to))} ${unit} left, most likely ${formatNumber(Number(likely))} ${unit}`)
    .replace(/^age(?= = )/, 'Age')
    .replace(/^([A-Z]+): /, (whole, name: string) => (name in VERDICT ? '' : whole))
    .replaceAll('.; ', '; ')
}

/** Why policy refused, without the names of the action and of the rule. */
export function refusalText(refused: string): string {
  return refused.replace(/^policy forbids [\w.]+: /, '').replace(/ \([\w.-]+\)$/, '')
    .replace(/confidence (\d(?:\.\d+)?)/, (_, share: string) => `confidence ${formatPercent(Number(share))}`).replace('calibrated false', 'not calibrated').replace('calibrated true', 'calibrated')
}

export const sentence = (text: string) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`

/** The journal names the program as `atlasmesh`. */
export const isPrediction = (requestedBy: string) => requestedBy === 'atlasmesh'

export const minuteText = (of: number) => `${String(Math.floor(of / 60)).padStart(2, '0')}:${String(of % 60).padStart(2, '0')}`
export const minuteOf = (time: string) => Number(time.slice(0, 2)) * 60 + Number(time.slice(3, 5))

/** A label is rounded up to this, so that an axis ends at a number that can be read. */
export function niceCeil(value: number): number {
  if (!(value > 0)) return 1
  const step = 10 ** Math.floor(Math.log10(value))
  return ([1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((factor) => factor * step >= value) ?? 10) * step
}
