// The operations of evidence and compliance that the page uses, by name.
import { type Client, Unreachable } from './client'
import type { BundleRequest, Collision, ComplianceProfile, DecisionRequest, Mitigation, ReportRequest } from './types'

/** As many as a list is read with; older ones are read on demand. */
const PAGE = 200

async function body<T>(response: Promise<{ data?: T }>): Promise<T> {
  const { data } = await response
  if (data === undefined) throw new Unreachable('the server answers without a body')
  return data
}

interface Page<T> { items: T[]; next: string | number | null }
const page = async <T>(response: Promise<{ data?: Page<T> }>) => {
  const { items, next } = await body(response)
  return { items, next: next === null ? null : String(next) }
}
const pageQuery = (after?: string) => ({ limit: PAGE, ...(after === undefined ? {} : { after }) })
export const FORMATS = ['html', 'pdf', 'csv', 'signature'] as const
export type Format = (typeof FORMATS)[number]

export const evidenceCalls = ({ operations: http }: Client) => ({
  compliance: () => body(http.GET('/v1/compliance')),
  complianceProfile: () => body(http.GET('/v1/compliance/profile')),
  setComplianceProfile: (profile: ComplianceProfile) => body(http.PUT('/v1/compliance/profile', { body: profile })),
  openIssues: async () => (await body(http.GET('/v1/compliance/issues', { params: { query: { open: true } } }))).items,
  issuePage: (after?: string) => page(http.GET('/v1/compliance/issues', { params: { query: pageQuery(after) } })),
  mitigateIssue: (issue: string, mitigation: Mitigation) =>
    body(http.POST('/v1/compliance/issues/{issue}/mitigate', { params: { path: { issue } }, body: { mitigation } })),
  resolveIssue: (issue: string, how: string) =>
    body(http.POST('/v1/compliance/issues/{issue}/resolve', { params: { path: { issue } }, body: { how } })),
  bundlePage: (after?: string) => page(http.GET('/v1/evidence/bundles', { params: { query: pageQuery(after) } })),
  bundle: (bundle: string) => body(http.GET('/v1/evidence/bundles/{bundle}', { params: { path: { bundle } } })),
  requestBundle: (request: BundleRequest) => body(http.POST('/v1/evidence/bundles', { body: request })),
  reportForms: async () => (await body(http.GET('/v1/evidence/forms'))).items,
  obligations: async () => (await body(http.GET('/v1/evidence/obligations'))).items,
  reportPage: (after?: string) => page(http.GET('/v1/evidence/reports', { params: { query: pageQuery(after) } })),
  report: (report: string) => body(http.GET('/v1/evidence/reports/{report}', { params: { path: { report } } })),
  reportPreview: (report: string) => body(http.GET('/v1/evidence/reports/{report}/preview', { params: { path: { report } } })),
  beginReport: (request: ReportRequest) => body(http.POST('/v1/evidence/reports', { body: request })),
  giveValues: (report: string, values: Record<string, string>) =>
    body(http.PUT('/v1/evidence/reports/{report}/values', { params: { path: { report } }, body: { values } })),
  signReport: (report: string) => body(http.POST('/v1/evidence/reports/{report}/sign', { params: { path: { report } } })),
  submitReport: (report: string) => body(http.POST('/v1/evidence/reports/{report}/submit', { params: { path: { report } } })),
  correctReport: (report: string, what: string) =>
    body(http.POST('/v1/evidence/reports/{report}/correct', { params: { path: { report } }, body: { what } })),
  collisions: async () => (await body(http.GET('/v1/collisions', { params: { query: pageQuery() } }))).items,
  recordCollision: (collision: Collision) => body(http.POST('/v1/collisions', { body: collision })),
  legalHoldPage: (after?: string) => page(http.GET('/v1/evidence/holds', { params: { query: pageQuery(after) } })),
  placeLegalHold: (subject: string | null, reason: string) => body(http.POST('/v1/evidence/holds', { body: { subject, reason } })),
  releaseLegalHold: (legal_hold: string, reason: string) =>
    body(http.POST('/v1/evidence/holds/{legal_hold}/release', { params: { path: { legal_hold } }, body: { reason } })),
  erase: (subject: string, reason: string) => body(http.POST('/v1/evidence/erasures', { body: { subject, reason } })),
  submissions: async () => (await body(http.GET('/v1/submissions'))).items,
  submission: (report: string) => body(http.GET('/v1/submissions/{report}', { params: { path: { report } } })),
  registerAuthorityKey: (key: string) => body(http.PUT('/v1/submissions/key', { body: { key } })),
  checkSubmission: (report: string) => body(http.POST('/v1/submissions/{report}/check', { params: { path: { report } } })),
  decideSubmission: (report: string, decision: DecisionRequest) =>
    body(http.POST('/v1/submissions/{report}/decision', { params: { path: { report } }, body: decision })),
})
