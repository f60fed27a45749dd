// The parts of the policies that this person may see.
import type { Operation } from '../../api/accounts'
import { session } from '../../state/session.svelte'

const TABS: { href: string; label: string; needs: Operation }[] = [
  { href: '/policies', label: 'Rules in force', needs: 'get_v1_policies' },
  { href: '/policies/drafts', label: 'Drafts', needs: 'get_v1_policy-drafts' },
  { href: '/policies/history', label: 'History', needs: 'get_v1_policies' },
  { href: '/policies/waivers', label: 'Waivers', needs: 'get_v1_waivers' },
  { href: '/policies/explain', label: 'Try a decision', needs: 'post_v1_policies_explain' },
]

export const tabs = () => TABS.filter(({ needs }) => session.may(needs))
/** What the journal calls the streams from which these pages follow. */
export const STREAMS = ['policy_draft', 'own_policies', 'waiver']
