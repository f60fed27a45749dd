// What a search finds: words in names and ids, and `is:ready` for a state.
import type { Trip, Vehicle } from '../api/types'
import { type Look, phaseOf } from '../live/state'

function parts(search: string): { is: string | null; words: string[] } {
  const all = search.toLowerCase().split(/\s+/).filter(Boolean)
  return { is: all.find((word) => word.startsWith('is:'))?.slice(3) ?? null, words: all.filter((word) => !word.startsWith('is:')) }
}

export function findVehicles(vehicles: Iterable<Vehicle>, looks: ReadonlyMap<string, Look>, search: string): Vehicle[] {
  const { is, words } = parts(search)
  return [...vehicles].filter((vehicle) => {
    if (is !== null && looks.get(vehicle.id) !== is) return false
    const text = `${vehicle.name} ${vehicle.id} ${vehicle.status} ${vehicle.mode}`.toLowerCase()
    return words.every((word) => text.includes(word))
  })
}

export function findTrips(trips: Iterable<Trip>, vehicleName: (id: string) => string, search: string): Trip[] {
  const { is, words } = parts(search)
  return [...trips].filter((trip) => {
    if (is !== null && phaseOf(trip.status) !== is && trip.status.toLowerCase() !== is) return false
    const text = `${trip.id} ${trip.kind} ${trip.status.replaceAll('_', ' ')} ${trip.vehicle ? vehicleName(trip.vehicle) : ''}`.toLowerCase()
    return words.every((word) => text.includes(word))
  })
}
