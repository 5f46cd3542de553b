/** Kernel modules that can be built twice, against two builds of the kernel they are for. */

/** A type of a module: a structure with members, a pointer, or a function with its prototype. */
export interface ModuleType {
  readonly name: string
  readonly kind: 'structure' | 'pointer' | 'function'
  /** Names of types of the kernel or of the module. */
  readonly uses: readonly string[]
}

/** What the kernel gives to modules. */
export interface Kernel {
  /** The number of each of its types, and where each of its strings lies. */
  readonly types: ReadonlyMap<string, number>
  readonly strings: ReadonlyMap<string, number>
  readonly typeCount: number
  readonly stringBytes: number
  readonly checksums: ReadonlyMap<string, number>
}

export interface Module {
  readonly types: readonly ModuleType[]
  /** What it imports from the kernel. */
  readonly imports: readonly string[]
  /** Names of its symbols. */
  readonly symbols: readonly string[]
  readonly code: Uint8Array
  /** What is put behind the file. */
  readonly signature: Uint8Array
}

const sectionBytes = 64
const tail = '~Module signature appended~\n'

/** An ELF file that is not linked yet, with the sections that modules have. */
export function buildModule(module: Module, kernel: Kernel): Buffer {
  const names = Buffer.from(`\0${module.symbols.join('\0')}\0`)
  return Buffer.concat([
    buildFile([
      { name: '', type: 0, bytes: Buffer.alloc(0) },
      { name: '.text', type: 1, flags: 6, bytes: Buffer.from(module.code) },
      { name: '__versions', type: 1, flags: 2, bytes: buildVersions(module, kernel) },
      { name: '.BTF', type: 1, bytes: buildTypes(module.types, kernel) },
      { name: '.symtab', type: 2, link: 5, bytes: buildSymbols(module, names) },
      { name: '.strtab', type: 3, bytes: names },
      { name: '.rela.text', type: 4, link: 4, info: 1, bytes: buildRelocations(module) },
    ]),
    module.signature,
    Buffer.from(tail),
  ])
}

function buildVersions({ imports }: Module, kernel: Kernel): Buffer {
  return Buffer.concat(
    imports.map((name) => {
      const entry = Buffer.alloc(64)
      entry.writeUInt32LE(kernel.checksums.get(name) ?? 0)
      entry.write(name, 8)
      return entry
    }),
  )
}

/** Documentation/bpf/btf.rst of Linux. A prototype stands before its function, and a pointer behind its structure. */
export function buildTypes(types: readonly ModuleType[], kernel: Kernel): Buffer {
  const records = types.flatMap((type) => recordsOf(type))
  const ids = new Map(kernel.types)
  for (const [index, { name }] of records.entries()) ids.set(name, kernel.typeCount + index)
  let strings = Buffer.from('\0')
  const offsets = new Map(kernel.strings)
  const nameAt = (name: string): number => {
    let at = offsets.get(name)
    if (at === undefined) {
      at = kernel.stringBytes + strings.length
      offsets.set(name, at)
      strings = Buffer.concat([strings, Buffer.from(`${name}\0`)])
    }
    return at
  }
  const words = records.flatMap(({ write }) => write((name) => ids.get(name) ?? 0, nameAt))
  const header = Buffer.alloc(24)
  header.writeUInt16LE(0xeb9f)
  header.writeUInt8(1, 2)
  header.writeUInt32LE(24, 4)
  header.writeUInt32LE(words.length * 4, 12)
  header.writeUInt32LE(words.length * 4, 16)
  header.writeUInt32LE(strings.length, 20)
  return Buffer.concat([header, Buffer.from(Uint32Array.from(words).buffer), strings])
}

interface Record {
  readonly name: string
  readonly write: (idOf: (name: string) => number, nameAt: (name: string) => number) => number[]
}

function recordsOf({ name, kind, uses }: ModuleType): Record[] {
  switch (kind) {
    case 'structure':
      return [
        {
          name,
          write: (idOf, nameAt) => [
            nameAt(name),
            (4 << 24) | uses.length,
            uses.length * 8,
            ...uses.flatMap((use, index) => [nameAt(`${name}_${use}`), idOf(use), index * 64]),
          ],
        },
      ]
    case 'pointer':
      return [{ name, write: (idOf) => [0, 2 << 24, idOf(uses[0] ?? '')] }]
    case 'function':
      return [
        {
          name: `${name}()`,
          write: (idOf, nameAt) => [
            0,
            (13 << 24) | uses.length,
            0,
            ...uses.flatMap((use) => [nameAt('argument'), idOf(use)]),
          ],
        },
        { name, write: (idOf, nameAt) => [nameAt(name), 12 << 24, idOf(`${name}()`)] },
      ]
  }
}

function buildSymbols({ symbols, code }: Module, names: Buffer): Buffer {
  const table = Buffer.alloc((symbols.length + 1) * 24)
  for (const [index, name] of symbols.entries()) {
    const at = (index + 1) * 24
    table.writeUInt32LE(names.indexOf(`\0${name}\0`) + 1, at)
    table.writeUInt16LE(1, at + 6)
    table.writeUInt32LE((index * 16) % code.length, at + 8)
    table.writeUInt32LE(16, at + 16)
  }
  return table
}

function buildRelocations({ symbols }: Module): Buffer {
  const table = Buffer.alloc(symbols.length * 24)
  for (const index of symbols.keys()) {
    table.writeUInt32LE(index * 16 + 1, index * 24)
    table.writeUInt32LE(4, index * 24 + 8)
    table.writeUInt32LE(index + 1, index * 24 + 12)
    table.writeInt32LE(-4, index * 24 + 16)
  }
  return table
}

interface Section {
  readonly name: string
  readonly type: number
  readonly flags?: number
  readonly link?: number
  readonly info?: number
  readonly bytes: Buffer
}

function buildFile(given: readonly Section[]): Buffer {
  const names = Buffer.from(`\0${[...given, { name: '.shstrtab' }].map(({ name }) => name).join('\0')}\0`)
  const sections = [...given, { name: '.shstrtab', type: 3, bytes: names }]
  const header = Buffer.alloc(64)
  header.write('\x7fELF\x02\x01\x01', 'latin1')
  header.writeUInt16LE(1, 16)
  header.writeUInt16LE(62, 18)
  const table = Buffer.alloc(sections.length * sectionBytes)
  const contents: Buffer[] = [header]
  let offset = header.length
  for (const [index, { name, type, flags = 0, link = 0, info = 0, bytes }] of sections.entries()) {
    const at = index * sectionBytes
    if (name !== '') table.writeUInt32LE(names.indexOf(`\0${name}\0`) + 1, at)
    table.writeUInt32LE(type, at + 4)
    table.writeUInt32LE(flags, at + 8)
    table.writeUInt32LE(offset, at + 24)
    table.writeUInt32LE(bytes.length, at + 32)
    table.writeUInt32LE(link, at + 40)
    table.writeUInt32LE(info, at + 44)
    table.writeUInt32LE(8, at + 48)
    const padding = (8 - (bytes.length % 8)) % 8
    contents.push(bytes, Buffer.alloc(padding))
    offset += bytes.length + padding
  }
  header.writeUInt32LE(offset, 40)
  header.writeUInt16LE(sectionBytes, 58)
  header.writeUInt16LE(sections.length, 60)
  header.writeUInt16LE(sections.length - 1, 62)
  return Buffer.concat([...contents, table])
}
