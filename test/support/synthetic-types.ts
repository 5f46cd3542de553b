import type { Random } from './random.ts'

/** The types of a program, in the kernel's BPF Type Format: in the order in which they are numbered. */
export interface SyntheticTypes {
  readonly names: readonly string[]
  readonly kinds: readonly number[]
  /** As many types and bytes of strings as a base has that lies elsewhere. */
  readonly baseTypes: number
  readonly baseStrings: number
}

const kind = { int: 1, pointer: 2, struct: 4, func: 12, prototype: 13 } as const
const headerBytes = 24
const longestMembers = 3

export function makeTypes(random: Random): SyntheticTypes {
  const count = random.between(3, 30)
  const kinds = Array.from({ length: count }, () => random.pick(Object.values(kind)))
  return {
    names: kinds.map((_, index) => `type_${index}_${random.below(1000)}`),
    kinds,
    ...random.pick([
      { baseTypes: 0, baseStrings: 0 },
      { baseTypes: 900, baseStrings: 40_000 },
    ]),
  }
}

/** Some types are new and some are gone, and so are some of the base. */
export function changeTypes(types: SyntheticTypes, random: Random): SyntheticTypes {
  const at = random.below(types.kinds.length)
  const gone = random.below(2)
  const added = Array.from({ length: random.below(3) }, (_, index) => index)
  return {
    names: types.names.toSpliced(at, gone, ...added.map((index) => `new_${index}`)),
    kinds: types.kinds.toSpliced(at, gone, ...added.map(() => random.pick(Object.values(kind)))),
    baseTypes: types.baseTypes === 0 ? 0 : types.baseTypes + random.below(5),
    baseStrings: types.baseStrings === 0 ? 0 : types.baseStrings + random.below(50),
  }
}

/** A `.BTF` section (Documentation/bpf/btf.rst of Linux). */
export function buildTypes({ names, kinds, baseTypes, baseStrings }: SyntheticTypes): Buffer {
  const strings = Buffer.from(['', ...names, ''].join('\0'))
  const words: number[] = []
  let name = baseStrings + 1
  for (const [index, is] of kinds.entries()) {
    const near = baseTypes + 1 + ((index + 1) % kinds.length)
    const members = is === kind.struct || is === kind.prototype ? index % longestMembers : 0
    const third = is === kind.int || is === kind.struct ? 4 : near
    words.push(is === kind.pointer || is === kind.prototype ? 0 : name, (is << 24) | members, third)
    if (is === kind.int) words.push(32)
    for (let member = 0; member < members; member++) {
      words.push(name, index % 2 === 0 ? near : Math.max(1, baseTypes - member))
      if (is === kind.struct) words.push(member * 32)
    }
    name += (names[index] as string).length + 1
  }
  const section = Buffer.alloc(headerBytes + words.length * 4)
  section.writeUInt16LE(0xeb9f, 0)
  section[2] = 1
  section.writeUInt32LE(headerBytes, 4)
  section.writeUInt32LE(words.length * 4, 12)
  section.writeUInt32LE(words.length * 4, 16)
  section.writeUInt32LE(strings.length, 20)
  for (const [index, word] of words.entries()) section.writeUInt32LE(word, headerBytes + index * 4)
  return Buffer.concat([section, strings])
}
