// The parts of the sector's screen, each for those who may ask the server for it.
import type { Operation } from '../../api/accounts'
import { session } from '../../state/session.svelte'

interface Tab { path: string; label: string; needs: Operation }
const TABS: Tab[] = [
  { path: '', label: 'Sector', needs: 'get_v1_sector' },
  { path: 'features', label: 'Features', needs: 'get_v1_sector_features' },
  { path: 'flags', label: 'Flags', needs: 'get_v1_flags' },
  { path: 'limits', label: 'Limits and parameters', needs: 'get_v1_sector' },
  { path: 'subscription', label: 'Subscription', needs: 'get_v1_subscription' },
]

export const tabs = () => TABS.filter(({ needs }) => session.may(needs))
