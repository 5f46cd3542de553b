import type { ElfMachine, ElfSection, ElfType } from './elf-file.ts'
import { elfFile, sectionFlag, sectionType, writeWord } from './elf-file.ts'
import { Random } from './random.ts'
import { buildTypes, changeTypes, makeTypes, type SyntheticTypes } from './synthetic-types.ts'

/** A function by what it does, wherever it lies: its bytes follow from `seed`, its references from `calls`. */
interface ProgramFunction {
  readonly name: string
  readonly seed: number
  /** Words of four bytes that refer to nothing. */
  readonly words: number
  /** Numbers of functions. */
  readonly calls: readonly number[]
}

/** What is the same in all builds of a program: the functions, by number, and the order of one build. */
export interface SyntheticProgram {
  readonly machine: ElfMachine
  readonly type: ElfType
  readonly functions: readonly ProgramFunction[]
  readonly order: readonly number[]
  /** Of the loaded part. */
  readonly start: number
  /** Kernel modules have types, and versions of symbols. */
  readonly types: SyntheticTypes | undefined
}

export function makeProgram(random: Random, count = random.between(4, 24)): SyntheticProgram {
  const machine = random.pick(['x86-64', 'aarch64'] as const)
  const type = random.pick(['relocatable', 'fixed', 'shared'] as const)
  const functions = Array.from({ length: count }, (_, index) => makeFunction(random, index, count))
  const start = type === 'relocatable' ? 0 : type === 'fixed' ? 0x40_0000 : 0x1000
  const types = random.chance(3) ? makeTypes(random) : undefined
  return { machine, type, functions, order: functions.map((_, index) => index), start, types }
}

/** The next build: functions have moved, gone, come and changed. */
export function rebuild(program: SyntheticProgram, random: Random): SyntheticProgram {
  const { length } = program.functions
  const functions = program.functions.map((one, index) => {
    return random.chance(5) ? makeFunction(random, index, length) : one
  })
  let order = [...program.order]
  for (let changes = random.between(1, 4); changes > 0; changes--) {
    const at = random.below(order.length)
    const [taken = 0] = order.splice(at, 1)
    if (random.chance(2)) order.splice(random.below(order.length + 1), 0, taken)
    if (order.length === 0) order = [0]
  }
  const start = program.start + random.pick([0, 0, 0x1000, 0x20])
  return { ...program, functions, order, start, types: program.types && changeTypes(program.types, random) }
}

function makeFunction(random: Random, index: number, count: number): ProgramFunction {
  const calls = Array.from({ length: random.between(0, 6) }, () => random.below(count))
  return {
    name: `function_${index}`,
    seed: random.below(2 ** 31),
    words: random.between(2, 12),
    calls,
  }
}

const symbolBytes = 24
const relocationBytes = 24
const frameBytes = 24
const versionBytes = 64

/** The program as a file: code, jump tables, pointers, frames, symbols, relocations, types, versions. */
export function buildProgram(program: SyntheticProgram): Buffer {
  const build = new Build(program)
  return elfFile(program.type, program.machine, build.sections())
}

class Build {
  readonly #program: SyntheticProgram
  /** By number of the function: where it starts in the code. */
  readonly #starts = new Map<number, number>()
  readonly #codeBytes: number

  constructor(program: SyntheticProgram) {
    this.#program = program
    let at = 0
    for (const number of program.order) {
      this.#starts.set(number, at)
      at += this.#lengthOf(number)
    }
    this.#codeBytes = at
  }

  sections(): ElfSection[] {
    const { alloc, code, write } = sectionFlag
    const { type, start, types } = this.#program
    const isLinked = type !== 'relocatable'
    const at = (page: number): number => (isLinked ? start + page * 0x1000 : 0)
    const names = Buffer.from(['', ...this.#program.functions.map(({ name }) => name), ''].join('\0'))
    const { progbits, rela, symtab, strtab, nobits, initArray } = sectionType
    const ofModule: ElfSection[] =
      types === undefined
        ? []
        : [
            { name: '.BTF', type: progbits, bytes: buildTypes(types) },
            { name: '__versions', type: progbits, bytes: this.#versions() },
          ]
    return [
      { name: '.text', type: progbits, flags: alloc | code, address: at(0), bytes: this.#code() },
      { name: '.rodata', type: progbits, flags: alloc, address: at(4), bytes: this.#jumps(at(4)) },
      { name: '.eh_frame', type: progbits, flags: alloc, address: at(6), bytes: this.#frames(at(6)) },
      { name: '.data', type: progbits, flags: alloc | write, address: at(8), bytes: this.#pointers(at(0)) },
      { name: '.bss', type: nobits, flags: alloc | write, address: at(10), bytes: 0x800 },
      {
        name: '.init_array',
        type: initArray,
        flags: alloc | write,
        address: at(11),
        bytes: this.#pointers(at(0)),
      },
      { name: '.rela.text', type: rela, bytes: this.#relocations(), link: 8, info: 1 },
      { name: '.symtab', type: symtab, bytes: this.#symbols(at(0)), link: 9 },
      { name: '.strtab', type: strtab, bytes: names },
      ...ofModule,
    ]
  }

  #lengthOf(number: number): number {
    const { machine, functions } = this.#program
    const { words, calls } = functions[number] as ProgramFunction
    return words * 4 + calls.length * (machine === 'aarch64' ? 4 : 8)
  }

  #code(): Buffer {
    const { machine, order, functions } = this.#program
    const code = Buffer.alloc(this.#codeBytes)
    for (const number of order) {
      const { seed, words, calls } = functions[number] as ProgramFunction
      let at = this.#starts.get(number) as number
      code.set(new Random(seed).bytes(words * 4), at)
      at += words * 4
      for (const call of calls) {
        const to = this.#starts.get(call) ?? 0
        if (machine === 'aarch64') {
          code.writeUInt32LE((0x9400_0000 | (((to - at) >> 2) & 0x03ff_ffff)) >>> 0, at)
          at += 4
        } else {
          // mov eax, edi; call; nop
          code.set([0x89, 0xf8, 0xe8], at)
          code.writeInt32LE(to - (at + 7), at + 3)
          code[at + 7] = 0x90
          at += 8
        }
      }
    }
    return code
  }

  #placed(): [number: number, start: number][] {
    return this.#program.order.map((number) => [number, this.#starts.get(number) as number])
  }

  #jumps(address: number): Buffer {
    const table = Buffer.alloc(this.#program.order.length * 4)
    const code = this.#program.start
    for (const [index, [, start]] of this.#placed().entries()) {
      table.writeInt32LE(code + start - address, index * 4)
    }
    return table
  }

  #pointers(address: number): Buffer {
    const table = Buffer.alloc(this.#program.order.length * 8)
    for (const [index, [, start]] of this.#placed().entries()) writeWord(table, address + start, index * 8)
    return table
  }

  #frames(address: number): Buffer {
    const placed = this.#placed()
    const table = Buffer.alloc((placed.length + 1) * frameBytes)
    table.writeUInt32LE(frameBytes - 4, 0)
    for (const [index, [number, start]] of placed.entries()) {
      const at = (index + 1) * frameBytes
      table.writeUInt32LE(frameBytes - 4, at)
      table.writeUInt32LE(at + 4, at + 4)
      table.writeInt32LE(this.#program.start + start - (address + at + 8), at + 8)
      table.writeUInt32LE(this.#lengthOf(number), at + 12)
    }
    return table
  }

  #relocations(): Buffer {
    const calls = this.#program.order.flatMap((number) => {
      const { calls: all } = this.#program.functions[number] as ProgramFunction
      return all.map((call, index) => ({ call, at: (this.#starts.get(number) as number) + index * 4 }))
    })
    const table = Buffer.alloc(calls.length * relocationBytes)
    for (const [index, { call, at }] of calls.entries()) {
      writeWord(table, this.#program.start + at, index * relocationBytes)
      table.writeUInt32LE(2, index * relocationBytes + 8)
      table.writeUInt32LE(call + 1, index * relocationBytes + 12)
      writeWord(table, (this.#starts.get(call) ?? 0) - 4, index * relocationBytes + 16)
    }
    return table
  }

  #symbols(address: number): Buffer {
    const { functions } = this.#program
    const table = Buffer.alloc((functions.length + 1) * symbolBytes)
    let name = 1
    for (const [number, { name: text }] of functions.entries()) {
      const at = (number + 1) * symbolBytes
      table.writeUInt32LE(name, at)
      // Every fourth stands for its section.
      table[at + 4] = number % 4 === 3 ? 3 : 0x12
      table.writeUInt16LE(1, at + 6)
      writeWord(table, address + (this.#starts.get(number) ?? 0), at + 8)
      writeWord(table, this.#lengthOf(number), at + 16)
      name += text.length + 1
    }
    return table
  }

  #versions(): Buffer {
    const { functions } = this.#program
    const table = Buffer.alloc(functions.length * versionBytes)
    for (const [index, { name, seed }] of functions.entries()) {
      table.writeUInt32LE(seed, index * versionBytes)
      table.write(name, index * versionBytes + 8)
    }
    return table
  }
}
