// Texts of the server as people read them.
import type { Fleet } from '../live/fleet.svelte'
import { session } from '../state/session.svelte'
import { formatDateTime, shortId } from './format'

/** Names for the ids that are known, the end of others, and moments in the time zone that the person chose. */
export function readable(text: string, fleet: Fleet, moment: (at: string) => string = formatDateTime): string {
  return text
    .replace(/\bprin_[0-9a-z]+/g, (id) => (id === session.identity?.principal ? 'you' : session.nameOf(id)))
    .replace(/\bveh_[0-9a-zA-Z_-]+/g, (id) => fleet.vehicles.get(id)?.name ?? id)
    .replace(/\b[a-z]+_[0-9a-z]{26}\b/g, shortId)
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, (at) => moment(at))
    .replace(/^GROUND: /, '')
    .replaceAll('.; ', '; ')
}
