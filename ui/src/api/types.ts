// Short names for what the server takes and answers. Their shapes are the OpenAPI document's own: `npm run api` writes
// `openapi.ts` from it before every build and check, so that the page cannot believe what the server does not say.
import type { components } from './openapi'

type Shapes = components['schemas']

export type LatLon = Shapes['Coordinate']
export type Vehicle = Shapes['Vehicle']
export type VehicleCommand = Shapes['Command']
export type StopClass = Shapes['StopClass']
export type Trip = Shapes['Trip']
export type TripWish = Shapes['TripRequest']
export type TripKind = Shapes['TripKind']
export type TripRoute = Shapes['Route']
export type RoutePreview = Shapes['RoutePreview']
export type RouteWish = Shapes['RouteRequest']
export type Story = Shapes['Why']
export type Decision = Shapes['Decision']
export type Fact = Decision['facts'][number]
export type Site = Shapes['Site']
export type Restriction = Shapes['Restriction']
export type ClosureClass = Shapes['RuleClass']
export type ZoneKind = Shapes['Zone']['kind']
export type InForce = Shapes['InForce']
export type Assistance = Shapes['Assistance']
export type AssistAnswer = Shapes['AssistAnswer']
export type TileIndex = Shapes['Tiles']
export type JournalEntry = Shapes['Entry']
/** RFC 9457 problem details. */
export type ProblemBody = Shapes['Problem']
