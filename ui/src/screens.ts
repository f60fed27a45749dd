// The screens of the Control Center, in the order of the navigation. A new one is one entry here and one folder below
// `screens/`; it is loaded when it is first opened, and shown to those who may do at least one of what it needs.
import type { Component } from 'svelte'
import type { Operation, Role } from './api/accounts'
import type { IconName } from './components/icons'
import { isUnanswered } from './live/alerts'
import type { Fleet } from './live/fleet.svelte'
import { inbox } from './live/inbox.svelte'
import { workLabel, workParts } from './screens/sector-work/parts'
import { partsOf } from './state/router.svelte'
import { say } from './state/sector.svelte'
import { session } from './state/session.svelte'

export interface ScreenProps {
  fleet: Fleet
  /** What follows the screen's own path: `/trips/trip_1` has `trip_1`. */
  parts: string[]
}

/** What waits for this person on a screen. */
export interface Badge {
  count: number
  /** What is counted, for screen readers. */
  label: string
  alarm?: boolean
}

export interface Screen {
  path: string
  label: string
  icon: IconName
  /** One of these operations suffices; a screen without any is everybody's. */
  needs: Operation[]
  load: () => Promise<{ default: Component<ScreenProps> }>
  badge?: (fleet: Fleet) => Badge
  /** Whether it is part of the page now, where that depends on more than the person. */
  shown?: () => boolean
  /** The roles that begin here. Everyone else begins at the screen that is home of `all`. */
  homeOf?: Role[] | 'all'
}

export const SCREENS: Screen[] = [
  {
    path: '/inbox', label: 'Inbox', icon: 'inbox', needs: ['get_v1_assistance', 'get_v1_approvals', 'get_v1_vehicles'],
    load: () => import('./screens/inbox/InboxScreen.svelte'), homeOf: ['safety_officer'],
    badge: (fleet) => ({ count: inbox.waiting(fleet), label: 'need a person', alarm: fleet.assistance.size > 0 }),
  },
  {
    path: '/operations', label: 'Operations', icon: 'map', needs: ['get_v1_vehicles'],
    load: () => import('./screens/operations/OperationsScreen.svelte'), homeOf: 'all',
  },
  {
    path: '/vehicles', get label() { return say('{vehicle.Many}') }, icon: 'vehicle', needs: ['get_v1_vehicles'],
    load: () => import('./screens/vehicles/VehiclesScreen.svelte'), homeOf: ['technician'],
  },
  {
    path: '/trips', get label() { return say('{trip.Many}') }, icon: 'route', needs: ['get_v1_trips'],
    load: () => import('./screens/trips/TripsScreen.svelte'),
  },
  {
    path: '/sector-work', get label() { return workLabel() }, icon: 'clock', needs: ['get_v1_places', 'get_v1_blasts', 'get_v1_jobs', 'get_v1_service-areas', 'get_v1_emission', 'get_v1_clearances'],
    load: () => import('./screens/sector-work/WorkScreen.svelte'), shown: () => workParts().length > 0,
  },
  {
    path: '/updates', label: 'Updates', icon: 'update', needs: ['get_v1_rollouts'],
    load: () => import('./screens/updates/UpdatesScreen.svelte'),
  },
  {
    path: '/maintenance', label: 'Maintenance', icon: 'maintenance', needs: ['get_v1_health'],
    load: () => import('./screens/maintenance/MaintenanceScreen.svelte'),
  },
  {
    path: '/security', label: 'Security', icon: 'security', needs: ['get_v1_incidents'],
    load: () => import('./screens/security/SecurityScreen.svelte'), homeOf: ['security_analyst'],
    badge: (fleet) => ({ count: [...fleet.incidents.values()].filter(isUnanswered).length, label: 'emergencies that nobody has', alarm: true }),
  },
  {
    path: '/evidence', label: 'Evidence', icon: 'evidence', needs: ['get_v1_journal', 'get_v1_compliance', 'get_v1_submissions'],
    load: () => import('./screens/evidence/EvidenceScreen.svelte'), homeOf: ['auditor', 'regulator'],
  },
  {
    path: '/policies', label: 'Policies', icon: 'policy', needs: ['get_v1_policies'],
    load: () => import('./screens/policies/PoliciesScreen.svelte'),
  },
  {
    path: '/sector', label: 'Sector', icon: 'sector', needs: ['get_v1_sectors'],
    load: () => import('./screens/sector/SectorScreen.svelte'),
  },
  {
    path: '/settings', label: 'Settings', icon: 'settings', needs: [],
    load: () => import('./screens/settings/SettingsScreen.svelte'),
  },
]

export function mayOpen({ needs, shown }: Screen): boolean {
  if (shown && !shown()) return false
  return needs.length === 0 || needs.some((operation) => session.may(operation))
}

export function visibleScreens(): Screen[] {
  return SCREENS.filter(mayOpen)
}

export function screenOf(path: string): Screen | undefined {
  return SCREENS.find((screen) => partsOf(screen.path)[0] === partsOf(path)[0])
}

/** Where the person who is signed in begins. */
export function homePath(): string {
  const screens = visibleScreens()
  const role = session.identity?.role as Role
  const own = screens.find(({ homeOf }) => Array.isArray(homeOf) && homeOf.includes(role))
  return (own ?? screens.find(({ homeOf }) => homeOf === 'all') ?? screens[0])!.path
}
