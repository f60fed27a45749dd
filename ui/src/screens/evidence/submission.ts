// A report as the authority sees it: the version that it has, and what it said of that.
import type { ComplianceReport, ReportVersion } from '../../api/types'
import type { Tone } from '../../components/StatusPill.svelte'

export type Answered = 'waiting' | 'checked' | 'accepted' | 'rejected'
export const ANSWER: Record<Answered, { label: string; tone: Tone; rank: number; meaning: string }> = {
  waiting: { label: 'To be checked', tone: 'serious', rank: 0, meaning: 'its format and signatures were not checked' },
  checked: { label: 'To be decided', tone: 'active', rank: 1, meaning: 'it was checked, and waits for an answer' },
  accepted: { label: 'Accepted', tone: 'good', rank: 3, meaning: 'it was accepted' },
  rejected: { label: 'Rejected', tone: 'critical', rank: 2, meaning: 'it is being corrected' },
}

/** The version that is with the authority, or was answered last. */
export const submittedOf = ({ versions }: ComplianceReport): ReportVersion | undefined => versions.findLast(({ submitted_at }) => submitted_at !== null)

export function answerOf(report: ComplianceReport): Answered {
  const version = submittedOf(report)
  if (version?.answer) return version.answer.accepted ? 'accepted' : 'rejected'
  return version?.check ? 'checked' : 'waiting'
}

/** The text that the authority signs: the server takes it where it says exactly what is decided. */
export function statementOf(report: ComplianceReport, version: ReportVersion, verdict: 'accept' | 'reject', said: { reason?: string; confirmation?: string }): string {
  return JSON.stringify({ report: report.id, version: version.version, verdict, digest: version.documents.signature.sha256, ...said, at: new Date().toISOString() })
}
