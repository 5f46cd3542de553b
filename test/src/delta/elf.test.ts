import { describe, expect, test } from 'vitest'
import { viewBytes } from '../../../src/delta/content-view.ts'
import { readElf, type Executable } from '../../../src/delta/elf.ts'
import { elfFile, sectionFlag, sectionType, type ElfSection } from '../../support/elf-file.ts'
import { Random } from '../../support/random.ts'
import { buildProgram, makeProgram } from '../../support/synthetic-program.ts'

const { alloc, code, write } = sectionFlag
const { progbits, nobits, rela, symtab, initArray } = sectionType

const text: ElfSection = {
  name: '.text',
  type: progbits,
  flags: alloc | code,
  address: 0x1000,
  bytes: new Uint8Array(64),
}
const sections: readonly ElfSection[] = [
  text,
  { name: '.rodata.str', type: progbits, flags: alloc, address: 0x2000, bytes: new Uint8Array(8) },
  { name: '.data', type: progbits, flags: alloc | write, address: 0x3000, bytes: new Uint8Array(8) },
  { name: '.bss', type: nobits, flags: alloc | write, address: 0x4000, bytes: 100 },
  { name: '.eh_frame', type: progbits, flags: alloc, address: 0x5000, bytes: new Uint8Array(8) },
  { name: '.eh_frame_hdr', type: progbits, flags: alloc, address: 0x5100, bytes: new Uint8Array(8) },
  {
    name: '.rela.dyn',
    type: rela,
    flags: alloc,
    address: 0x5200,
    bytes: new Uint8Array(24),
    link: 8,
    info: 1,
  },
  { name: '.symtab', type: symtab, bytes: new Uint8Array(24) },
  { name: '.init_array', type: initArray, flags: alloc | write, address: 0x6000, bytes: new Uint8Array(8) },
  { name: '.data.gopclntab', type: progbits, flags: alloc, address: 0x7000, bytes: new Uint8Array(8) },
  { name: '.BTF', type: progbits, bytes: new Uint8Array(8) },
  { name: '__versions', type: progbits, bytes: new Uint8Array(64) },
  { name: '.comment', type: progbits, bytes: new Uint8Array(8) },
]

function read(bytes: Uint8Array): Executable | undefined {
  return readElf(viewBytes(bytes).readAt)
}

function kindsOf(executable: Executable | undefined): Record<string, string> {
  return Object.fromEntries(executable?.regions.map(({ name, kind }) => [name, kind]) ?? [])
}

test('the sections of a shared object are known for what they are', () => {
  expect(kindsOf(read(elfFile('shared', 'x86-64', sections)))).toEqual({
    '': 'plain',
    '.text': 'x86-64',
    '.rodata.str': 'jump-tables',
    '.data': 'pointers',
    '.bss': 'plain',
    '.eh_frame': 'eh-frame',
    '.eh_frame_hdr': 'eh-frame-header',
    '.rela.dyn': 'rela',
    '.symtab': 'symbols',
    '.init_array': 'pointers',
    '.data.gopclntab': 'go-lines',
    '.BTF': 'btf',
    __versions: 'versions',
    '.comment': 'plain',
    '.shstrtab': 'plain',
  })
})

test('a program with a fixed place has pointers in its constants', () => {
  expect(kindsOf(read(elfFile('fixed', 'aarch64', sections)))).toMatchObject({
    '.text': 'aarch64',
    '.rodata.str': 'pointers',
  })
})

test('what is not linked yet has no addresses but those of its code, which are where it lies', () => {
  const executable = read(elfFile('relocatable', 'x86-64', sections))
  expect(executable?.relocatable).toBe(true)
  const data = executable?.regions.filter(({ kind }) => kind !== 'x86-64')
  expect(data?.every(({ address }) => address === undefined)).toBe(true)
  const unlinked = executable?.regions[1]
  expect(unlinked).toMatchObject({ kind: 'x86-64', address: unlinked?.offset })
})

test('where things lie is told', () => {
  const regions = read(elfFile('shared', 'x86-64', sections))?.regions
  expect(regions?.[1]).toMatchObject({
    section: 1,
    offset: 64,
    length: 64,
    address: 0x1000,
    addressLength: 64,
  })
  expect(regions?.[4]).toMatchObject({ name: '.bss', length: 0, address: 0x4000, addressLength: 100 })
  expect(regions?.[7]).toMatchObject({ name: '.rela.dyn', link: 8, info: 1 })
})

describe('is only bytes', () => {
  const file = elfFile('shared', 'x86-64', sections)
  const changed = (at: number, ...bytes: readonly number[]): Buffer => {
    const copy = Buffer.from(file)
    copy.set(bytes, at)
    return copy
  }

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['a header that is cut', file.subarray(0, 63)],
    ['another magic', changed(0, 0x7e)],
    ['32 bits', changed(4, 1)],
    ['big-endian', changed(5, 2)],
    ['another machine', changed(18, 243)],
    ['a table that is cut', file.subarray(0, -1)],
    ['a table elsewhere', changed(40, 0, 0, 0, 0, 1)],
    ['a table at no safe offset', changed(40, 0, 0, 0, 0, 0, 0, 0x20, 0)],
    ['no sections', changed(60, 0, 0)],
    ['too many sections', changed(60, 1, 0x10)],
    ['sections of another size', changed(58, 63)],
  ])('%s', (_, bytes) => {
    expect(read(bytes)).toBeUndefined()
  })

  test('what lies where no file reaches', () => {
    const far = { ...text, address: 2 ** 53 }
    expect(read(elfFile('shared', 'x86-64', [far]))).toBeUndefined()
  })
})

test('a name is read once, however long it is', () => {
  const long = { ...text, name: 'x'.repeat(100_000) }
  const regions = read(elfFile('shared', 'x86-64', [long]))?.regions
  expect(regions?.[1]?.name.length).toBeLessThan(1000)
})

test('a file cut anywhere is read, or is only bytes', () => {
  const program = buildProgram(makeProgram(new Random(1)))
  expect(read(program)).toBeDefined()
  for (let length = 0; length < program.length; length += 7)
    expect(read(program.subarray(0, length))).toBeUndefined()
})
