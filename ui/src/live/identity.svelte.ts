// The identity of one vehicle, as it is now: read at first, and again after each event about that vehicle.
import type { Identity, IdentityStatus } from '../api/types'
import type { Fleet } from './fleet.svelte'

/** What each status means, in a few words. */
export const IDENTITY_STATUS: Record<IdentityStatus, { label: string; tone: 'good' | 'active' | 'serious' | 'critical' | '' }> = {
  registered: { label: 'Registered', tone: '' },
  invited: { label: 'Invited', tone: 'active' },
  enrolled: { label: 'Enrolled', tone: 'active' },
  active: { label: 'Active', tone: 'good' },
  quarantined: { label: 'Quarantined', tone: 'serious' },
  revoked: { label: 'Revoked', tone: 'critical' },
  retired: { label: 'Retired', tone: '' },
}

export class LiveIdentity {
  /** Null until it was read, and for those who may not read it. */
  current = $state.raw<Identity | null>(null)
  error = $state.raw<unknown>(null)
  private reads = 0

  constructor(private readonly fleet: Fleet, readonly vehicle: string) {}

  /** Keeps it current; answers how to end that. */
  follow(): () => void {
    if (!this.fleet.may('get_v1_vehicles_vehicle_identity')) return () => {}
    void this.read()
    return this.fleet.watch(`vehicle/${this.vehicle}`, () => { void this.read() })
  }

  /** Reads it now, also what the vehicle's own state became. */
  async changed() {
    await this.fleet.readChanged(`vehicle/${this.vehicle}`)
    await this.read()
  }

  private async read() {
    const read = ++this.reads
    try {
      const identity = await this.fleet.api.identity(this.vehicle)
      // A slow answer never overwrites a newer one.
      if (read !== this.reads) return
      this.current = identity
      this.error = null
    } catch (error) {
      if (read === this.reads) this.error = error
    }
  }
}
