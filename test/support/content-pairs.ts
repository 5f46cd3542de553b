import { elfHeaderBytes, sectionHeaderBytes } from './elf-file.ts'
import { mutateBytes } from './mutate-bytes.ts'
import type { Random } from './random.ts'
import { buildProgram, makeProgram, rebuild } from './synthetic-program.ts'
import { changeTypes, makeTypes } from './synthetic-types.ts'

/** What a delta is made of, and from: the bases lie one after another. */
export interface ContentPair {
  readonly target: Uint8Array
  readonly bases: readonly Uint8Array[]
}

type MakePair = (random: Random) => ContentPair

const most = 1500

/** Ways in which contents are alike or not, each of which has broken a delta program once. */
export const contentPairs: Readonly<Record<string, MakePair>> = {
  unrelated: (random) => pair(random.bytes(random.below(most)), random.bytes(random.below(most))),
  equal: (random) => {
    const bytes = random.bytes(random.below(most))
    return pair(bytes, bytes)
  },
  tiny: (random) => pair(fewValues(random, random.below(40), 3), fewValues(random, random.below(40), 3)),
  'from nothing': (random) => pair(random.bytes(random.below(most)), new Uint8Array()),
  'to nothing': (random) => pair(new Uint8Array(), random.bytes(random.below(most))),
  runs: (random) => pair(runs(random), runs(random)),
  periodic: (random) => {
    const period = random.bytes(random.between(1, 40))
    return pair(repeated(period, random), repeated(period.subarray(random.below(period.length)), random))
  },
  'few values': (random) =>
    pair(fewValues(random, random.below(most), 2), fewValues(random, random.below(most), 2)),
  edited: (random) => {
    const basis = random.bytes(random.below(most))
    return pair(edit(basis, random, random.between(1, 6)), basis)
  },
  'a byte here and there': (random) => {
    const basis = random.bytes(random.between(1, most))
    const target = Uint8Array.from(basis)
    const step = random.between(2, 20)
    for (let at = random.below(step); at < target.length; at += step) target[at] = random.below(256)
    return pair(target, basis)
  },
  'shuffled blocks': (random) => {
    const size = random.between(5, 100)
    const blocks = Array.from({ length: random.between(1, 16) }, () => random.bytes(size))
    return pair(Buffer.concat(random.shuffle(blocks)), Buffer.concat(blocks))
  },
  'over itself': (random) => {
    // The target takes the same stretch of the basis many times, each a little further.
    const basis = random.bytes(random.between(60, 400))
    const step = random.between(1, 30)
    const pieces = Array.from({ length: random.between(2, 20) }, (_, index) => {
      const from = (index * step) % (basis.length - 40)
      return basis.subarray(from, from + random.between(20, 60))
    })
    return pair(Buffer.concat(pieces), basis)
  },
  'several bases': (random) => {
    const bases = Array.from({ length: random.between(2, 8) }, () => random.bytes(random.below(300)))
    const parts = random.shuffle([...bases, random.bytes(20), Buffer.concat(bases).subarray(7, 400)])
    return { target: edit(Buffer.concat(parts), random, 2), bases }
  },
  program: (random) => {
    const program = makeProgram(random)
    return pair(buildProgram(rebuild(program, random)), buildProgram(program))
  },
  'broken program': (random) => {
    const program = makeProgram(random)
    const [target, basis] = [buildProgram(rebuild(program, random)), buildProgram(program)]
    return random.chance(2)
      ? pair(breakProgram(target, random), breakProgram(basis, random))
      : pair(target, breakProgram(basis, random))
  },
  'broken types': (random) => {
    const types = makeTypes(random)
    const program = { ...makeProgram(random), types }
    const next = { ...rebuild(program, random), types: changeTypes(types, random) }
    return pair(breakTypes(buildProgram(next), random), breakTypes(buildProgram(program), random))
  },
  'cut program': (random) => {
    const program = makeProgram(random)
    const [target, basis] = [buildProgram(rebuild(program, random)), buildProgram(program)]
    const cut = random.below(basis.length)
    return { target, bases: [basis.subarray(0, cut), basis.subarray(cut)] }
  },
}

/** These take twenty times as long as others. */
export function isOfPrograms(kind: string): boolean {
  return /program|types/.test(kind)
}

/** Contents that take several steps of 1 MiB. */
export const longPairs: Readonly<Record<string, MakePair>> = {
  'long runs': (random) => pair(new Uint8Array(2_500_000), new Uint8Array(random.between(1, 3_000_000))),
  'long and edited': (random) => {
    const basis = random.bytes(random.between(1_100_000, 3_300_000))
    return pair(edit(basis, random, 5), basis)
  },
  'long and different here and there': (random) => {
    const basis = random.bytes(random.between(1 << 20, (1 << 20) + 3))
    const target = Uint8Array.from(basis)
    for (let at = 0; at < target.length; at += 3) target[at] = 7
    return pair(target, basis)
  },
  'long from several': (random) => {
    const bases = Array.from({ length: 5 }, () => random.bytes(500_000))
    return { target: Buffer.concat(random.shuffle(bases)), bases }
  },
}

function pair(target: Uint8Array, basis: Uint8Array): ContentPair {
  return { target, bases: [basis] }
}

function fewValues(random: Random, length: number, values: number): Uint8Array {
  return random.bytes(length).map((byte) => byte % values)
}

function runs(random: Random): Uint8Array {
  const pieces = Array.from({ length: random.below(12) }, () =>
    new Uint8Array(random.below(200)).fill(random.below(3)),
  )
  return Buffer.concat(pieces)
}

function repeated(period: Uint8Array, random: Random): Uint8Array {
  const bytes = new Uint8Array(random.below(most))
  for (let at = 0; at < bytes.length; at++) bytes[at] = period[at % period.length] as number
  return edit(bytes, random, random.below(3))
}

function edit(bytes: Uint8Array, random: Random, times: number): Uint8Array {
  let edited = bytes
  for (let time = 0; time < times; time++) edited = mutateBytes(edited, random)
  return edited
}

/** Something is wrong with its header, its section table or what is in its sections. */
function breakProgram(file: Uint8Array, random: Random): Uint8Array {
  const bytes = Buffer.from(file)
  for (let times = random.between(1, 4); times > 0; times--) {
    const table = bytes.length > 64 ? Number(bytes.readBigUInt64LE(40)) : 0
    const isTableThere = table > 0 && table + sectionHeaderBytes <= bytes.length
    switch (random.below(4)) {
      case 0:
        bytes.set(mutateBytes(bytes.subarray(0, elfHeaderBytes), random).subarray(0, elfHeaderBytes))
        break
      case 1:
      case 2:
        if (isTableThere) overwrite(bytes, mutateBytes(bytes.subarray(table), random), table)
        break
      default:
        overwrite(bytes, mutateBytes(bytes, random), 0)
    }
  }
  return random.chance(6) ? mutateBytes(bytes, random) : bytes
}

/** The header of its types says something else. */
function breakTypes(file: Buffer, random: Random): Buffer {
  const header = file.indexOf(Buffer.from([0x9f, 0xeb, 1, 0]))
  if (header < 0 || random.chance(3)) return file
  for (let times = random.between(1, 3); times > 0; times--) {
    const field = header + random.between(1, 5) * 4
    const value = file.readUInt32LE(field) + random.pick([-24, -12, -4, 4, 12, 24, random.between(-300, 300)])
    file.writeUInt32LE(Math.max(0, value), field)
  }
  return file
}

function overwrite(bytes: Buffer, by: Uint8Array, at: number): void {
  bytes.set(by.subarray(0, bytes.length - at), at)
}
