import type { Btf } from './btf.ts'
import type { Copy } from './copy.ts'
import { firstAtLeast } from './first-at-least.ts'

/**
 * Copies start and end anywhere in a type, as types begin alike. So a type is where its third word is: the first word
 * that tells types without a name apart.
 */
const thirdWordAt = 8

/** What cannot be known of the types of a target from the copies. */
export interface TypeLayout {
  /** How many types and how many bytes of strings the base has more than that of the basis. */
  readonly baseTypes: number
  readonly baseStrings: number
  /** How many types are new between two copies of types, for each two that do not adjoin. */
  readonly newTypes: readonly number[]
}

/** `length` types from `first` on, counted from the first, that `shift` types more are before in the target. */
export interface TypePiece {
  readonly first: number
  readonly length: number
  readonly shift: number
}

/** How the copies move types. */
export function moveTypes(btf: Btf, copies: readonly Copy[], { newTypes }: TypeLayout): TypePiece[] {
  const pieces: TypePiece[] = []
  let index = 0
  let next = 0
  let end: number | undefined
  for (const copy of copiesOfTypes(btf, copies)) {
    const { first, length } = typesIn(btf, copy)
    if (copy.target !== end) index += newTypes[next++] ?? 0
    if (length > 0) pieces.push({ first, length, shift: index - first })
    index += length
    end = copy.target + copy.length
  }
  return pieces
}

export function findTypeLayout(basis: Btf, target: Btf, copies: readonly Copy[]): TypeLayout {
  return {
    baseTypes: target.firstType - basis.firstType,
    baseStrings: target.firstString - basis.firstString,
    newTypes: countNewTypes(basis, target, copies),
  }
}

function countNewTypes(basis: Btf, target: Btf, copies: readonly Copy[]): number[] {
  const counts: number[] = []
  let index = 0
  let end: number | undefined
  for (const copy of copiesOfTypes(basis, copies)) {
    const { first, length } = typesIn(basis, copy)
    if (copy.target !== end) {
      const start = (basis.types[first] ?? basis.typesEnd) - copy.basis + copy.target
      const added = firstAtLeast(target.types, start) - index
      counts.push(added)
      index += added
    }
    index += length
    end = copy.target + copy.length
  }
  return counts
}

function typesIn(btf: Btf, copy: Copy): { first: number; length: number } {
  const first = firstAtLeast(btf.types, copy.basis - thirdWordAt)
  return { first, length: firstAtLeast(btf.types, copy.basis + copy.length - thirdWordAt) - first }
}

/** The parts of copies that copy types. */
function* copiesOfTypes(btf: Btf, copies: readonly Copy[]): Generator<Copy> {
  const from = btf.types[0] ?? btf.typesEnd
  for (const { target, basis, length } of copies) {
    const start = Math.max(basis, from)
    const end = Math.min(basis + length, btf.typesEnd)
    if (start < end) yield { target: target + start - basis, basis: start, length: end - start }
  }
}
