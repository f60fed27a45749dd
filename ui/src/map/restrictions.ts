// How zones, closures and speed limits are called on the page.
import type { Restriction } from '../api/types'
import { formatSpeed } from '../components/format'

/** What the place of a speed limit is: `haul-road` is a haul road. */
export const placeName = (place: string): string => place.replaceAll(/[-_]/g, ' ')

/** A zone by its name, a closure by its reason, a speed limit by what it is. */
export function restrictionName(restriction: Restriction): string {
  if (restriction.type === 'zone') return restriction.name
  return restriction.type === 'closure' ? restriction.reason : `${formatSpeed(restriction.max_speed_mps)}: ${restriction.reason}`
}
