// The parts of a rule's text by what they are, so that they are coloured, and the text of one rule among many.
export interface Token { text: string; kind: 'comment' | 'note' | 'string' | 'word' | 'number' | '' }

const TOKENS = /(\/\/[^\n]*)|(@[a-z_]+)|("(?:\\.|[^"\\\n])*"?)|\b(forbid|permit|when|unless|principal|action|resource|context|has|like|in|is|if|then|else|true|false)\b|\b(\d+(?:\.\d+)?)\b/g
const KINDS = ['comment', 'note', 'string', 'word', 'number'] as const

export function tokens(text: string): Token[] {
  const found: Token[] = []
  let at = 0
  for (const match of text.matchAll(TOKENS)) {
    if (match.index > at) found.push({ text: text.slice(at, match.index), kind: '' })
    found.push({ text: match[0], kind: KINDS[match.slice(1).findIndex((group) => group !== undefined)] ?? '' })
    at = match.index + match[0].length
  }
  found.push({ text: text.slice(at), kind: '' })
  return found
}

/** The text of the rule with an id: from its first annotation to the semicolon that ends it. */
export function ruleText(text: string, id: string): string | null {
  const at = text.indexOf(`@id("${id}")`)
  if (at < 0) return null
  let end = at
  for (const { text: part, kind } of tokens(text.slice(at))) {
    const semicolon = kind === '' ? part.indexOf(';') : -1
    if (semicolon >= 0) return text.slice(at, end + semicolon + 1)
    end += part.length
  }
  return text.slice(at)
}
