import { memberPath } from './member-path.ts'

/** What an mtree says of a path: keywords with their values, as mtree(5) has them. */
export type MtreeEntry = ReadonlyMap<string, string>

/**
 * The entries of an mtree by their paths, one character a byte. Throws an Error that says in words what is wrong.
 */
export function parseMtree(text: string): ReadonlyMap<string, MtreeEntry> {
  const entries = new Map<string, MtreeEntry>()
  let defaults: MtreeEntry = new Map()
  if (!text.startsWith('#mtree')) throw new Error('does not begin with "#mtree"')
  for (const line of text.replaceAll('\\\n', '').split('\n')) {
    const [name = '', ...words] = line.split(' ').filter((word) => word !== '')
    if (name === '' || name.startsWith('#')) continue
    if (name === '/set') defaults = new Map([...defaults, ...keywords(words)])
    else if (name === '/unset') defaults = new Map([...defaults].filter(([key]) => !words.includes(key)))
    else entries.set(memberPath(unescaped(name)), new Map([...defaults, ...keywords(words)]))
  }
  return entries
}

function keywords(words: readonly string[]): (readonly [key: string, value: string])[] {
  return words.map((word) => {
    const at = word.indexOf('=')
    return at === -1 ? [word, ''] : [word.slice(0, at), unescaped(word.slice(at + 1))]
  })
}

/** `\040` is the byte 0o40. */
function unescaped(text: string): string {
  return text.replaceAll(/\\([0-3][0-7]{2})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  )
}
