// What waits for a person: requests for assistance, approvals and alerts. Requests and alerts are the fleet's; approvals
// are read here, because only some roles have any.
import { SvelteSet } from 'svelte/reactivity'
import type { Approval } from '../api/accounts'
import { Problem } from '../api/client'
import { session } from '../state/session.svelte'
import type { Alert } from './alerts'
import type { Fleet } from './fleet.svelte'

/** Approvals also expire, which is no event. */
const POLL_INTERVAL_MS = 15_000

class Inbox {
  approvals = $state.raw<Approval[]>([])
  approvalsRead = $state(false)
  problem = $state.raw<Problem | null>(null)
  /** Alerts that were acknowledged in this tab. */
  readonly seenAlerts = new SvelteSet<string>()

  /** Follows what waits until the answered function is called. */
  follow(fleet: Fleet): () => void {
    this.approvals = []
    this.approvalsRead = false
    if (!session.may('get_v1_approvals')) return () => {}
    const read = () => void this.readApprovals()
    const unwatch = fleet.watch('approval', read)
    const timer = setInterval(read, POLL_INTERVAL_MS)
    read()
    return () => { unwatch(); clearInterval(timer) }
  }

  async readApprovals() {
    try {
      this.approvals = (await session.accounts.openApprovals()).items
      this.problem = null
      this.approvalsRead = true
    } catch (error) {
      // A lost connection is shown for the whole page.
      if (error instanceof Problem) this.problem = error
    }
  }

  /** Alerts other than requests for assistance, which are listed as such. */
  alerts(fleet: Fleet): Alert[] {
    return fleet.alerts.filter((alert) => !alert.id.endsWith('/AWAITING_ASSIST'))
  }

  /** How many things need a person now. */
  waiting(fleet: Fleet): number {
    const decidable = this.approvals.filter(({ may_decide, state }) => may_decide && state === 'pending').length
    const alerts = this.alerts(fleet).filter(({ id, severity }) => severity !== 'notice' && !this.seenAlerts.has(id)).length
    return fleet.assistance.size + decidable + alerts
  }
}

export const inbox = new Inbox()
