// Short names for the API's schemas. `npm run api` generates `openapi.ts` from the OpenAPI document before every build and
// check, so that the page does not compile against types that the server does not have.
import type { components, operations } from './openapi'

type Schemas = components['schemas']

export type LatLon = Schemas['Coordinate']
export type Vehicle = Schemas['Vehicle']
export type VehicleCommand = Schemas['Command']
export type HoldRequest = operations['post_v1_vehicles_vehicle_holds']['requestBody']['content']['application/json']
export type StopClass = Schemas['StopClass']
export type Trip = Schemas['Trip']
export type TripRequest = Schemas['TripRequest']
export type TripKind = Schemas['TripKind']
export type TripRoute = Schemas['Route']
export type RoutePreview = Schemas['RoutePreview']
export type RouteRequest = Schemas['RouteRequest']
export type TripTimeline = Schemas['Why']
export type Decision = Schemas['Decision']
export type Fact = Decision['facts'][number]
export type Site = Schemas['Site']
export type Restriction = Schemas['Restriction']
export type ClosureClass = Schemas['RuleClass']
export type ZoneKind = Schemas['Zone']['kind']
export type InForce = Schemas['InForce']
export type Assistance = Schemas['Assistance']
export type AssistanceAnswer = Schemas['AssistAnswer']
export type TileIndex = Schemas['Tiles']
export type JournalEntry = Schemas['Entry']
export type JournalHead = Schemas['Head']
export type Receipt = Schemas['Receipt']
export type Verification = Schemas['Verification']
/** RFC 9457 problem details. */
export type ProblemBody = Schemas['Problem']
