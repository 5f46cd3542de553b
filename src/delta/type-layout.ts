import type { Btf } from './btf.ts'
import type { Copy } from './copy.ts'
import type { Seed } from './seeded-shifts.ts'

/** What cannot be known of the types of a target from the copies. */
export interface TypeLayout {
  /** How many types and how many bytes of strings the base has more than that of the basis. */
  readonly baseTypes: number
  readonly baseStrings: number
  /** How many types are new between two copies of types, for each two that do not adjoin. */
  readonly newTypes: readonly number[]
}

/** How the copies move types, counted from the first. */
export function seedTypes(btf: Btf, copies: readonly Copy[], { newTypes }: TypeLayout): Seed[] {
  const seeds: Seed[] = []
  let index = 0
  let next = 0
  let end: number | undefined
  for (const copy of copiesOfTypes(btf, copies)) {
    const first = firstAtLeast(btf.types, copy.basis)
    const count = firstAtLeast(btf.types, copy.basis + copy.length) - first
    if (copy.target !== end) index += newTypes[next++] ?? 0
    if (count > 0) seeds.push({ start: first, shift: index - first })
    index += count
    end = copy.target + copy.length
  }
  return seeds
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
    const first = firstAtLeast(basis.types, copy.basis)
    const count = firstAtLeast(basis.types, copy.basis + copy.length) - first
    if (copy.target !== end) {
      const start = (basis.types[first] ?? basis.typesEnd) - copy.basis + copy.target
      const added = firstAtLeast(target.types, start) - index
      counts.push(added)
      index += added
    }
    index += count
    end = copy.target + copy.length
  }
  return counts
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

function firstAtLeast(sorted: Float64Array, value: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] as number) < value) low = middle + 1
    else high = middle
  }
  return low
}
