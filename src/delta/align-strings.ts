import type { Btf } from './btf.ts'
import type { Copy } from './copy.ts'

/** What is left of a copy that is cut must be worth it. */
const minLeftBytes = 8

/**
 * Makes the strings of a BTF section one copy from the start of those of the basis: as they follow from the types,
 * they are foreseen wherever they have gone, and need not be found.
 */
export function alignStrings(copies: readonly Copy[], basis: Btf, target: Btf): readonly Copy[] {
  const length = Math.min(basis.stringsEnd - basis.strings, target.stringsEnd - target.strings)
  if (length < minLeftBytes || basis.types.length === 0 || target.types.length === 0) return copies
  const strings = { target: target.strings, basis: basis.strings, length }
  const before: Copy[] = []
  const after: Copy[] = []
  for (const copy of copies) {
    const end = copy.target + copy.length
    pushIfWorth(before, cut(copy, copy.target, Math.min(end, target.strings)))
    pushIfWorth(after, cut(copy, Math.max(copy.target, target.stringsEnd), end))
  }
  return joinCopies([...before, strings, ...after])
}

function cut({ target, basis }: Copy, from: number, to: number): Copy {
  return { target: from, basis: basis + from - target, length: to - from }
}

function pushIfWorth(copies: Copy[], copy: Copy): void {
  if (copy.length >= minLeftBytes) copies.push(copy)
}

function joinCopies(copies: readonly Copy[]): Copy[] {
  const joined: Copy[] = []
  for (const copy of copies) {
    const last = joined.at(-1)
    const follows =
      last !== undefined &&
      last.target + last.length === copy.target &&
      last.basis + last.length === copy.basis
    if (follows) joined[joined.length - 1] = { ...last, length: last.length + copy.length }
    else joined.push(copy)
  }
  return joined
}
