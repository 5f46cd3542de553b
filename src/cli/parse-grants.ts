import { patternField, type Grant } from '../access/grant.ts'
import { quote } from './setting-parsers.ts'

/** `modules=base,web` */
export function parseModulesPart(text: string): readonly string[] {
  const names = /^modules=(.*)$/.exec(text)?.[1]
  if (names === undefined)
    throw new Error(`${quote(text)} is not what may be published; write modules=base,web`)
  return parsePatterns(names)
}

/** `beta,stable`, `kernel-*`, `*` */
export function parsePatterns(text: string): readonly string[] {
  return text.split(',').map((pattern) => {
    if (patternField.safeParse(pattern).success) return pattern
    throw new Error(`${quote(pattern)} is neither a name nor a pattern such as kernel-*`)
  })
}

/** One grant of all of it: it is meant together. */
export function publishGrant(
  modules: readonly (readonly string[])[],
  channels: readonly (readonly string[])[],
): Grant | undefined {
  if (modules.length + channels.length === 0) return undefined
  return { may: 'publish', modules: unique(modules.flat()), channels: unique(channels.flat()) }
}

function unique(names: readonly string[]): string[] {
  return [...new Set(names)].sort()
}
