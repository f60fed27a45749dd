// The way of a draft into force: what is done, and what is missing for the next step.
import type { PolicyCheck, PolicyDraft } from '../../api/policies'
import type { Step as StepInLine } from '../../components/Steps.svelte'
import { type DraftStatus, count, sameText } from './words'

export interface Step extends StepInLine {
  key: 'write' | 'test' | 'replay' | 'shadow' | 'activate'
  detail: string
  /** What to do for it; null once it is done, or while an earlier step is not. */
  missing: string | null
}

/** Whether the text as it is typed is the one that the server has, and whether it finds no fault with it. */
export interface Writing { dirty: boolean; check: PolicyCheck | null }

export function stepsOf(draft: PolicyDraft, status: DraftStatus, { dirty, check }: Writing): Step[] {
  const { tested, replayed, shadow } = draft
  const over = status === 'active' || status === 'superseded'
  const current = !dirty && sameText(draft, tested)
  const faults = check?.faults.length ?? 0
  const written = over || (!dirty && draft.text.trim() !== '' && faults === 0)
  const isTested = over || (written && current && tested?.failed === 0 && tested.passed > 0)
  const isReplayed = over || (isTested && sameText(draft, replayed))
  const asked = status === 'approval' || over
  return [
    { key: 'write', name: 'Write', done: written, detail: check ? count(check.rules.length, 'rule', 'rules') : '', missing: written ? null : draft.text.trim() === '' && !dirty ? 'Write a rule, or begin from a template.' : faults > 0 ? `Mend ${count(faults, 'fault', 'faults')} in the text.` : 'Save what you typed.' },
    { key: 'test', name: 'Test', done: isTested, detail: tested && current ? `${tested.passed} passed${tested.failed > 0 ? `, ${tested.failed} failed` : ''}` : '', missing: isTested ? null : tested && current && tested.failed > 0 ? `${count(tested.failed, 'case fails', 'cases fail')}: mend the rule or the case.` : tested && current ? 'Write a case that shows what the rule does.' : tested ? 'The text changed since it was tested: test it again.' : 'Test it with its cases.' },
    { key: 'replay', name: 'Replay', done: isReplayed, detail: replayed && isReplayed ? count(changedBy(replayed), 'change', 'changes') : '', missing: isReplayed ? null : replayed ? 'The text changed since it was replayed: replay it again.' : 'Replay it over the decisions of the past.' },
    { key: 'shadow', name: 'Shadow', done: over || (shadow !== null && shadow.decisions > 0), detail: shadow ? count(shadow.decisions, 'decision', 'decisions') : 'not needed', missing: over || (shadow && shadow.decisions > 0) ? null : shadow ? 'It waits for decisions to be made.' : 'Let it run in shadow for a while, or ask for its activation now.' },
    { key: 'activate', name: 'Activate', done: over, detail: over ? 'in force' : asked ? 'asked for' : '', missing: over ? null : asked ? 'A second person decides, in the inbox.' : 'Ask for its activation: a second person decides.' },
  ]
}

export const changedBy = ({ allow_to_deny, deny_to_allow, tighter, looser }: { allow_to_deny: number; deny_to_allow: number; tighter: number; looser: number }) => allow_to_deny + deny_to_allow + tighter + looser
/** Whether the server would take it: a passed test and a replay of this very text. */
export const mayActivate = (steps: Step[]) => steps.filter(({ key }) => key === 'write' || key === 'test' || key === 'replay').every(({ done }) => done)
