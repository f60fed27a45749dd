// The search of vehicles and trips: by terms in names, ids and states, and by `is:ready` for a state.
import type { Trip, Vehicle } from '../api/types'
import { type VehicleState, phaseOf } from '../live/state'

function parseSearch(search: string): { state: string | null; terms: string[] } {
  const all = search.toLowerCase().split(/\s+/).filter(Boolean)
  return { state: all.find((term) => term.startsWith('is:'))?.slice(3) ?? null, terms: all.filter((term) => !term.startsWith('is:')) }
}

export function findVehicles(vehicles: Iterable<Vehicle>, states: ReadonlyMap<string, VehicleState>, search: string): Vehicle[] {
  const { state, terms } = parseSearch(search)
  return [...vehicles].filter((vehicle) => {
    if (state !== null && states.get(vehicle.id) !== state) return false
    const text = `${vehicle.name} ${vehicle.id} ${vehicle.status} ${vehicle.mode}`.toLowerCase()
    return terms.every((term) => text.includes(term))
  })
}

export function findTrips(trips: Iterable<Trip>, vehicleName: (id: string) => string, search: string): Trip[] {
  const { state, terms } = parseSearch(search)
  return [...trips].filter((trip) => {
    if (state !== null && phaseOf(trip.status) !== state && trip.status.toLowerCase() !== state) return false
    const text = `${trip.id} ${trip.kind} ${trip.status.replaceAll('_', ' ')} ${trip.vehicle ? vehicleName(trip.vehicle) : ''}`.toLowerCase()
    return terms.every((term) => text.includes(term))
  })
}
