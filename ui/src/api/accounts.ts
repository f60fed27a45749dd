// Accounts: the session of a person, users, access tokens, approvals and the state of the system.
import type { Client } from './client'
import type { operations } from './openapi'
import type { PolicyOperation } from './policies'
import type { WorkOperation } from './sector-work'
import { say } from '../state/sector.svelte'

/** An operation of the API by its id. Those written out are newer than the OpenAPI document that this page was built from. */
export type Operation = keyof operations
  | 'get_v1_session' | 'get_v1_users' | 'post_v1_users' | 'put_v1_users_user_roles' | 'post_v1_users_user_reset' | 'delete_v1_users_user'
  | 'get_v1_approvals' | 'post_v1_approvals_approval_approve' | 'post_v1_approvals_approval_reject' | 'get_v1_system'
  | 'post_v1_vehicles_vehicle_holds_hold_release'
  | 'get_v1_sector' | 'get_v1_sectors' | 'post_v1_sectors_sector_preview' | 'post_v1_sectors_sector_activate' | 'post_v1_sector_rollback'
  | 'get_v1_sector_features' | 'get_v1_subscription' | 'get_v1_flags' | 'put_v1_flags_flag'
  | PolicyOperation | WorkOperation

export const ROLES = {
  administrator: 'Administrator', get dispatcher() { return say('{dispatcher.One}') }, safety_officer: 'Safety officer', technician: 'Technician',
  security_analyst: 'Security analyst', auditor: 'Auditor', viewer: 'Viewer', regulator: 'Regulator',
} as const
export type Role = keyof typeof ROLES

export function roleLabel(role: string): string {
  return ROLES[role as Role] ?? role
}

/** Who is signed in, and what that role may do. */
export interface Identity {
  principal: string
  name: string
  email: string | null
  tenant: string
  sector: string | null
  role: string
  roles: string[]
  kind: 'person' | 'program'
  may: string[]
  expires_at: string | null
}

export interface User {
  id: string
  name: string
  email: string
  roles: string[]
  status: 'invited' | 'active' | 'disabled'
  created_at: string
  last_sign_in_at: string | null
}

export interface SignedInSession {
  id: string
  created_at: string
  last_used_at: string
  expires_at: string
  user_agent: string | null
  current: boolean
}

export interface AccessToken {
  id: string
  role: string
  name: string | null
  revoked: boolean
  created_at: string
  expires_at?: string | null
  last_used_at?: string | null
}

export interface Named {
  id: string
  name: string
}

export interface ActingPerson {
  id: string
  /** The role in which they acted. */
  role: string
}

export interface Approval {
  id: string
  action: string
  subject: string
  summary: string
  /** What the command names beside its subject, such as the hold. */
  arguments: Record<string, unknown>
  reason: string
  asked_by: ActingPerson
  asked_at: string
  expires_at: string
  state: 'pending' | 'approved' | 'rejected' | 'expired' | 'done' | 'failed' | 'withdrawn'
  decided_by: ActingPerson | null
  may_decide: boolean
}

export interface SystemState {
  version: string
  uptime_s: number
  store_bytes: number
  disk_free_bytes: number
  log_size: number
  log_root: string
  vehicles_connected: number
}

export interface Page<T> {
  items: T[]
  next: string | number | null
}

const path = (id: string) => encodeURIComponent(id)

export const accounts = (client: Client) => ({
  session: () => client.json<Identity>('GET', '/v1/session'),
  signIn: (tenant: string, email: string, password: string) => client.json('POST', '/v1/session', { tenant, email, password }),
  acceptInvitation: (tenant: string, code: string, password: string) => client.json('POST', '/v1/session/invitation', { tenant, code, password }),
  signOut: () => client.json('DELETE', '/v1/session'),
  changePassword: (current: string, password: string) => client.json('POST', '/v1/session/password', { current, password }),
  switchRole: (role: string) => client.json('PUT', '/v1/session/role', { role }),
  sessions: () => client.json<Page<SignedInSession>>('GET', '/v1/sessions'),
  endSession: (id: string) => client.json('DELETE', `/v1/sessions/${path(id)}`),
  endOtherSessions: () => client.json('DELETE', '/v1/sessions'),
  users: (after?: string) => client.json<Page<User>>('GET', `/v1/users${after ? `?after=${path(after)}` : ''}`),
  inviteUser: (user: { name: string; email: string; roles: string[] }) => client.json<{ id: string; invitation: string }>('POST', '/v1/users', user),
  setRoles: (user: string, roles: string[]) => client.json('PUT', `/v1/users/${path(user)}/roles`, { roles }),
  resetUser: (user: string) => client.json<{ invitation: string }>('POST', `/v1/users/${path(user)}/reset`),
  disableUser: (user: string) => client.json('DELETE', `/v1/users/${path(user)}`),
  tokens: (after?: string) => client.json<Page<AccessToken>>('GET', `/v1/principals${after ? `?after=${path(after)}` : ''}`),
  createToken: (token: { name: string; role: string; expires_at?: string }) => client.json<{ id: string; token: string }>('POST', '/v1/principals', token),
  revokeToken: (id: string) => client.json('DELETE', `/v1/principals/${path(id)}`),
  openApprovals: () => client.json<Page<Approval>>('GET', '/v1/approvals?which=open'),
  askClear: (vehicle: string, stop: string, reason: string) => client.json<Approval>('POST', `/v1/vehicles/${path(vehicle)}/stops/${path(stop)}/clear`, { reason }),
  askRelease: (vehicle: string, hold: string, reason: string) => client.json<Approval>('POST', `/v1/vehicles/${path(vehicle)}/holds/${path(hold)}/release`, { reason }),
  people: (after?: string) => client.json<Page<Named>>('GET', `/v1/people?limit=1000${after ? `&after=${path(after)}` : ''}`),
  approve: (approval: string, reason: string) => client.json('POST', `/v1/approvals/${path(approval)}/approve`, { reason }),
  reject: (approval: string, reason: string) => client.json('POST', `/v1/approvals/${path(approval)}/reject`, { reason }),
  system: () => client.json<SystemState>('GET', '/v1/system'),
})

export type Accounts = ReturnType<typeof accounts>
