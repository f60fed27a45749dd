// The parts of the evidence, each for those who may ask the server for it.
import type { Operation } from '../../api/accounts'
import { session } from '../../state/session.svelte'

interface Tab { path: string; label: string; needs: Operation }
const TABS: Tab[] = [
  { path: '', label: 'Journal', needs: 'get_v1_journal' },
  { path: 'compliance', label: 'Compliance', needs: 'get_v1_compliance' },
  { path: 'issues', label: 'Issues', needs: 'get_v1_compliance_issues' },
  { path: 'bundles', label: 'Bundles', needs: 'get_v1_evidence_bundles' },
  { path: 'reports', label: 'Reports', needs: 'get_v1_evidence_reports' },
  { path: 'submissions', label: 'Submissions', needs: 'get_v1_submissions' },
  { path: 'holds', label: 'Legal holds', needs: 'get_v1_evidence_holds' },
]

export const tabs = () => TABS.filter(({ needs }) => session.may(needs))
