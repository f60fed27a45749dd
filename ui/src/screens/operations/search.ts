// The search of vehicles and trips, by terms in names, ids and states.
import type { Trip, Vehicle } from '../../api/types'
import type { VehicleState } from '../../live/state'

const termsOf = (search: string) => search.toLowerCase().split(/\s+/).filter(Boolean)

export function findVehicles(
  vehicles: Iterable<Vehicle>, states: ReadonlyMap<string, VehicleState>, search: string, state: VehicleState | null,
): Vehicle[] {
  const terms = termsOf(search)
  return [...vehicles].filter((vehicle) => {
    if (state !== null && states.get(vehicle.id) !== state) return false
    const text = `${vehicle.name} ${vehicle.id} ${vehicle.status} ${vehicle.mode}`.toLowerCase()
    return terms.every((term) => text.includes(term))
  })
}

export function findTrips(trips: Iterable<Trip>, vehicleName: (id: string) => string, search: string): Trip[] {
  const terms = termsOf(search)
  return [...trips].filter((trip) => {
    const text = `${trip.id} ${trip.kind} ${trip.status.replaceAll('_', ' ')} ${trip.vehicle ? vehicleName(trip.vehicle) : ''}`.toLowerCase()
    return terms.every((term) => text.includes(term))
  })
}
