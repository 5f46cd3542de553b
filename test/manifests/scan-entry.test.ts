import { readdirSync } from 'node:fs'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Entry, Xattrs } from '../../manifests/entry.ts'
import { decodeEntry, encodeEntry, readEntry } from '../../manifests/entry-line.ts'
import { FormatError } from '../../manifests/errors.ts'
import { encodeChunkRef } from '../../manifests/manifest.ts'
import { scanChunkRef } from '../../manifests/scan-chunk-ref.ts'
import { scanEntry } from '../../manifests/scan-entry.ts'
import { treePathFromText } from '../../manifests/tree-path.ts'
import { chunkRefs, entries } from '../support/format-arbitraries.ts'
import { readVectorFile } from '../support/format-vectors.ts'

/** What only the schema reads: escapes, base64 in place of a text, holes, devices, attributes not named in ASCII. */
const rare = /\\|"base64":|"sparse":|"device":|"xattrs":.*[\x7f-\xff]/

const plainTexts = fc
  .array(fc.string({ unit: fc.constantFrom(...Array.from('azA09-_ +.é€😀')), minLength: 1, maxLength: 12 }), {
    minLength: 1,
    maxLength: 4,
  })
  .map((names) => names.map((name) => name.replace(/^\.+$/, 'dots')).join('/'))

const plainXattrs = fc
  .uniqueArray(
    fc.tuple(fc.constantFrom('user.a', 'user.b', 'security.x y'), fc.uint8Array({ maxLength: 9 })),
    {
      maxLength: 3,
      selector: ([name]) => name,
    },
  )
  .map((pairs) => new Map(pairs.map(([name, value]) => [name, Buffer.from(value)])))

/** Entries whose texts are such as trees are full of. */
const plainEntries = fc.tuple(entries, plainTexts, plainTexts, plainXattrs).map(plainEntry)

function plainEntry([entry, text, other, xattrs]: [Entry, string, string, Xattrs]): Entry {
  const path = treePathFromText(`${text}x`)
  if (entry.type === 'hardlink') return { ...entry, path, target: treePathFromText(text) }
  if (entry.type === 'symlink') return { ...entry, path, target: treePathFromText(other), xattrs }
  return { ...entry, path, xattrs }
}

const allEntries = fc.oneof(entries, plainEntries)

/** Where a line changed into another is most likely to be one again, or almost. */
const fragments = fc.oneof(
  fc.constantFrom(...Array.from('019-"\\/.,:{}=A \0\x1f\x7f\xc3\xa9\xff\n\r')),
  fc.constantFrom('..', '/../', '\xc3\xa9', 'e5', '.5', '00', 'null', '[]', '{}', '.'.repeat(300)),
  fc.constantFrom('9007199254740991', '9007199254740992', '4294967294', '4294967295', '1000000000'),
  fc.constantFrom('"sparse":', '"uid":0', ',"uid":0', '"size":0', ',"format":1', '"type":"file"'),
  fc.constantFrom(
    '"xattrs":{}',
    ',"xattrs":{"user.a":"YQ=="}',
    ',"xattrs":{"user.a":"YR=="}',
    ',"user.b":""',
  ),
  fc.string({ unit: 'binary', maxLength: 3 }),
)

const cuts = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 3 }), fragments), { minLength: 1, maxLength: 3 })

function changed(line: Buffer, changes: readonly (readonly [number, number, string])[]): Buffer {
  const text = changes.reduce((before, [position, removed, fragment]) => {
    const at = position % (before.length + 1)
    return before.slice(0, at) + fragment + before.slice(at + removed)
  }, line.toString('latin1'))
  return Buffer.from(text, 'latin1')
}

function lineOf(entry: Entry): Buffer {
  return Buffer.from(encodeEntry(entry))
}

/** An entry, or the code and message of its refusal. */
function reading(read: () => Entry): unknown {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    return { code: error.code, message: error.message }
  }
}

/** The scan of a line may give up, and may not say anything but what the schema says. */
function expectAgreement(line: Buffer): boolean {
  const scanned = scanEntry(line.toString('latin1'))
  if (scanned !== undefined) expect(scanned).toStrictEqual(readEntry(line))
  expect(reading(() => decodeEntry(line))).toStrictEqual(reading(() => readEntry(line)))
  return scanned !== undefined
}

describe('a scanned entry is what the schema reads', () => {
  test('of every line that is not rare', () => {
    fc.assert(
      fc.property(allEntries, (entry) => {
        const line = lineOf(entry)
        expect(expectAgreement(line)).toBe(!rare.test(line.toString('latin1')))
      }),
      { numRuns: 500 },
    )
  })

  test('of lines changed a little', () => {
    let accepted = 0
    fc.assert(
      fc.property(plainEntries, cuts, (entry, changes) => {
        if (expectAgreement(changed(lineOf(entry), changes))) accepted++
      }),
      { numRuns: 2000 },
    )
    expect(accepted).toBeGreaterThan(10)
  })

  test('of plain lines with any byte in any place', () => {
    const lines = readVectorFile('manifests/hello.ndjson').toString('latin1').split('\n').slice(4, 7)
    for (const line of lines) {
      for (let at = 0; at < line.length; at++) {
        for (const byte of ['\0', '"', ',', '-', '0', '1', '9', 'a', '\\', '}', '\x80']) {
          expectAgreement(Buffer.from(line.slice(0, at) + byte + line.slice(at + 1), 'latin1'))
        }
      }
    }
  })

  test('from the middle of other bytes', () => {
    const bytes = readVectorFile('manifests/hello.ndjson')
    const end = bytes.length - 1
    const start = bytes.lastIndexOf('\n', end - 1) + 1
    expect(decodeEntry(bytes, start, end)).toStrictEqual(readEntry(bytes.subarray(start, end)))
    expect(decodeEntry(new Uint8Array(bytes), start, end)).toStrictEqual(decodeEntry(bytes, start, end))
  })
})

describe('nothing that is refused is scanned', () => {
  const files = readdirSync(new URL('../vectors/invalid/', import.meta.url))
  test.each(files.filter((file) => file.startsWith('entry-')))('%s', (file) => {
    expect(scanEntry(readVectorFile(`invalid/${file}`).toString('latin1'))).toBeUndefined()
  })

  const file = `{"digest":"sha256:${'0'.repeat(64)}","gid":0,"mode":"0644","mtime":0,"offset":0,"path":"a","size":1,"type":"file","uid":0}`
  test.each(
    [
      ['"gid":0', '"gid":4294967295'],
      ['"uid":0', '"uid":4294967295'],
      ['"uid":0', '"uid":00'],
      ['"uid":0', '"uid":-0'],
      ['"mtime":0', '"mtime":-0'],
      ['"mtime":0', '"mtime":9007199254740992'],
      ['"mtime":0', '"mtime":-9007199254740993'],
      ['"mtime":0', '"mtime":0,"mtimeNanos":0'],
      ['"mtime":0', '"mtime":0,"mtimeNanos":1000000000'],
      ['"offset":0', '"offset":9007199254740992'],
      ['"offset":0', '"offset":99999999999999999999'],
      ['"size":1', '"size":9007199254740993'],
      ['"size":1', '"size":0'],
      ['"path":"a"', '"path":"\xff"'],
      ['"path":"a"', '"path":"\xed\xa0\x80"'],
      ['"path":"a"', '"path":"\x1f"'],
      ['"path":"a"', '"path":"a/../b"'],
      ['"path":"a"', `"path":"${'x'.repeat(256)}"`],
      ['"path":"a"', `"path":"${'x/'.repeat(2047)}xx"`],
      ['"uid":0', '"uid":0,"xattrs":{}'],
      ['"uid":0', '"uid":0,"xattrs":{"user":""}'],
      ['"uid":0', '"uid":0,"xattrs":{"user.a":"YR=="}'],
      ['"uid":0', '"uid":0,"xattrs":{"user.a":"YQ"}'],
      ['"uid":0', '"uid":0,"xattrs":{"user.a":"Y"}'],
      ['"uid":0', '"uid":0,"xattrs":{"user.b":"","user.a":""}'],
      ['"uid":0', '"uid":0,"xattrs":{"user.a":"","user.a":""}'],
      ['"uid":0', `"uid":0,"xattrs":{"user.${'a'.repeat(251)}":""}`],
      ['"uid":0', `"uid":0,"xattrs":{"user.a":"${'AAAA'.repeat(22_000)}"}`],
      ['"uid":0}', '"uid":0}\n'],
      ['"uid":0}', '"uid":0} '],
    ].map(([right = '', wrong = '']) => ({ right, wrong, shown: wrong.slice(0, 50) })),
  )('$shown', ({ right, wrong }) => {
    const line = file.replace(right, wrong)
    expect(scanEntry(file)).toBeDefined()
    expect(scanEntry(line)).toBeUndefined()
    expect(() => readEntry(Buffer.from(line, 'latin1'))).toThrow(FormatError)
  })
})

test('a scanned chunk is what its line says, and a changed line is none or another chunk', () => {
  fc.assert(
    fc.property(chunkRefs, cuts, (chunk, changes) => {
      const line = encodeChunkRef(chunk)
      expect(scanChunkRef(line)).toEqual(chunk)
      const other = changed(Buffer.from(line), changes).toString('latin1')
      const found = scanChunkRef(other)
      if (found !== undefined) expect(encodeChunkRef(found)).toBe(other)
    }),
    { numRuns: 500 },
  )
  expect(scanChunkRef(encodeChunkRef({ digest: `sha256:${'0'.repeat(64)}`, size: 0 }))).toBeUndefined()
  expect(
    scanChunkRef(encodeChunkRef({ digest: `sha256:${'0'.repeat(64)}`, size: 1_048_577 })),
  ).toBeUndefined()
})
