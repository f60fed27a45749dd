// The words of a sector in sentences: `{trip.one}`, `{trip.many}`, `{trip.a}` (a haul cycle), `{dispatch.base}`, `.third`,
// `.past`, `.gerund`; with a capital first letter of the form (`{trip.One}`) the word begins a sentence.
import type { Noun, NounName, Terms, Verb, VerbName } from '../api/sector'

const noun = (one: string, many = `${one}s`): Noun => ({ one, many, article: /^[aeio]/.test(one) ? 'an' : 'a' })

/** The product's own words, of which a sector may leave out any. */
export const PLAIN = {
  nouns: {
    trip: noun('trip'), vehicle: noun('vehicle'), dispatcher: noun('dispatcher'), operator: noun('operator'), site: noun('site'), stop: noun('stop'),
    origin: noun('pickup'), destination: noun('drop-off'), load: noun('load'),
  } satisfies Record<NounName, Noun>,
  verbs: {
    dispatch: { base: 'dispatch', third: 'dispatches', past: 'dispatched', gerund: 'dispatching' },
    complete: { base: 'complete', third: 'completes', past: 'completed', gerund: 'completing' },
    cancel: { base: 'cancel', third: 'cancels', past: 'cancelled', gerund: 'cancelling' },
    load: { base: 'load', third: 'loads', past: 'loaded', gerund: 'loading' },
  } satisfies Record<VerbName, Verb>,
}

export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** The form of a word, or undefined where there is no such word or form. */
export function formOf(terms: Terms, word: string, form: string): string | undefined {
  const noun = terms.nouns[word as NounName] ?? (PLAIN.nouns as Record<string, Noun>)[word]
  const verb = terms.verbs[word as VerbName] ?? (PLAIN.verbs as Record<string, Verb>)[word]
  const lower = form.toLowerCase()
  const forms: Record<string, string | undefined> = { one: noun?.one, many: noun?.many, a: noun && `${noun.article} ${noun.one}`, ...verb }
  const text = Object.hasOwn(forms, lower) ? forms[lower] : undefined
  return text === undefined || form === lower ? text : capital(text)
}

/** A sentence with the words of a sector in it; what names no word stays as it is. */
export function sentence(terms: Terms, text: string): string {
  return text.replace(/\{(\w+)\.(\w+)\}/g, (whole, word: string, form: string) => formOf(terms, word, form) ?? whole)
}
