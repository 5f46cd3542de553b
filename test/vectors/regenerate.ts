/**
 * Writes the valid vectors again from what the code does now: `node test/vectors/regenerate.ts`. A difference
 * afterwards is a change of the format, wanted or not: no test runs this.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import xxhash from 'xxhash-wasm'
import { canonicalJson, type JsonValue } from '../../manifests/canonical-json.ts'
import { channelTargetPath, encodeChannel, type Channel } from '../../manifests/channel.ts'
import { digestOf, emptyDigest, hexOf } from '../../manifests/digest.ts'
import { encodeEntry } from '../../manifests/entry-line.ts'
import { encodeByteString } from '../../manifests/fields.ts'
import { encodeManifest, type ChunkRef } from '../../manifests/manifest.ts'
import { encodeRelease, releaseTargetPath, type Release } from '../../manifests/release.ts'
import { fractionAt, turnOf, wholeFleet, type RolloutStep } from '../../manifests/rollout.ts'
import { byteStringFromBytes, displayTreePath } from '../../manifests/tree-path.ts'
import { encodeChunk } from '../../src/chunking/chunk-codec.ts'
import { gearTable } from '../../src/chunking/gear-table.ts'
import { defaultProfile } from '../../src/chunking/profile.ts'
import { makeBytes, type ByteRecipe } from '../support/byte-recipes.ts'
import { cutLengths, groupSizes, smallTree } from '../support/chunking-vectors.ts'
import {
  bytesOf,
  entryOf,
  type VectorBytes,
  type VectorCase,
  type VectorEntry,
} from '../support/format-vectors.ts'
import { packs } from './regenerate/packs.ts'

/** From 1 % to 100 %. */
const twoDays: readonly RolloutStep[] = [
  { at: '2026-01-31T00:00:00Z', fraction: 100 },
  { at: '2026-02-02T00:00:00Z', fraction: 10_000 },
]

const KiB = 1024
const MiB = 1024 * KiB

function write(name: string, content: string | Uint8Array): void {
  writeFileSync(new URL(name, import.meta.url), content)
}

function writeCases<Input, Expected>(
  name: string,
  comment: string,
  inputs: readonly (readonly [comment: string, input: Input])[],
  expect: (input: Input) => Expected,
): void {
  const cases: VectorCase<Input, Expected>[] = inputs.map(([about, input]) => ({
    comment: about,
    input,
    expected: expect(input),
  }))
  write(name, json({ comment, cases }))
}

/** Indented, but with every list of numbers on one line. */
function json(value: unknown): string {
  const text = JSON.stringify(value, undefined, 2)
  return `${text.replaceAll(/\[\n[-\d,\s]+\]/g, (list) => list.replaceAll(/\s+/g, ' ').replaceAll(/(?<=\[) | (?=\])/g, ''))}\n`
}

function digests(): void {
  const inputs: [string, VectorBytes][] = [
    ['no bytes', { hex: '' }],
    ['ASCII', { text: 'abc' }],
    ['one zero byte', { hex: '00' }],
    ['text beyond ASCII, as UTF-8', { text: 'Grüße\n' }],
    ['bytes that are no text', { hex: 'ff00fe80' }],
  ]
  writeCases('digests.json', 'Digests of bytes (format §1.2).', inputs, (input) => digestOf(bytesOf(input)))
}

function treePaths(): void {
  const inputs: [string, VectorBytes][] = [
    ['the root of a tree', { text: '' }],
    ['components', { text: 'usr/lib/os-release' }],
    ['dots that are not `.` or `..`', { text: '.../..a/.b' }],
    ['UTF-8', { text: 'usr/share/Größe' }],
    ['outside the Basic Multilingual Plane', { text: '😀' }],
    ['ISO 8859-1, which is not UTF-8', { hex: '6772fc6e' }],
    ['an overlong spelling of `/`, which is not UTF-8', { hex: 'c0af' }],
    ['half a surrogate pair in UTF-8, which is not UTF-8', { hex: 'eda080' }],
    ['a byte order mark is bytes like others', { hex: 'efbbbf61' }],
    ['control characters, a quote and a backslash', { hex: '0107080a0c0d1b1f7f225c' }],
    ['characters that some JSON writers escape', { text: '</script>\u2028\u2029&é' }],
    ['a name of 255 bytes', { text: 'n'.repeat(255) }],
    ['a path of 4095 bytes', { text: `${'d'.repeat(255)}/`.repeat(16).slice(0, 4095) }],
  ]
  writeCases(
    'tree-paths.json',
    'Paths by their bytes, as a manifest writes them (format §1.5), and as a message shows them.',
    inputs,
    (input) => {
      const path = byteStringFromBytes(bytesOf(input))
      return { json: encodeByteString(path), shown: displayTreePath(path) }
    },
  )
}

function canonical(): void {
  const inputs: [string, JsonValue][] = [
    ['names in order', { b: 1, a: 2, c: { z: true, y: null } }],
    [
      'names in order of UTF-16 code units: U+1F600 before U+FB33',
      { '\u{fb33}': 1, '\u{1f600}': 2, ö: 3, '': 4 },
    ],
    ['integers', [0, -1, 9007199254740991, -9007199254740991]],
    ['the escapes', '\u0000\b\t\n\u000b\f\r\u001f"\\/\u007f'],
    ['what is not escaped', '€\u2028é😀'],
    ['nothing inside', [[], {}, '']],
  ]
  writeCases('canonical-json.json', 'Canonical JSON (format §1.1).', inputs, canonicalJson)
}

const abc = digestOf(Buffer.from('abc'))
const owned = { uid: 0, gid: 0, mtime: { seconds: 1735689600, nanos: 0 } }

const fileEntry: VectorEntry = {
  type: 'file',
  path: { text: 'usr/bin/hello' },
  mode: 0o755,
  ...owned,
  size: 3,
  digest: abc,
  offset: 4096,
}

function entries(): void {
  const directory: VectorEntry = { type: 'directory', path: { text: '' }, mode: 0o755, ...owned }
  const inputs: [string, VectorEntry][] = [
    ['a file', fileEntry],
    ['an empty file', { ...fileEntry, size: 0, digest: emptyDigest, offset: 0 }],
    ['setuid, setgid and sticky', { ...fileEntry, mode: 0o7777 }],
    ['no permissions', { ...fileEntry, mode: 0 }],
    ['the largest owner', { ...fileEntry, uid: 4294967294, gid: 4294967294 }],
    ['nanoseconds', { ...fileEntry, mtime: { seconds: 1735689600, nanos: 5 } }],
    ['a tenth of a second before 1970', { ...fileEntry, mtime: { seconds: -1, nanos: 900000000 } }],
    ['a name that is not UTF-8', { ...fileEntry, path: { hex: '6574632f6772fc6e' } }],
    ['a name that needs escapes', { ...fileEntry, path: { text: 'a\tb"c\\d' } }],
    [
      'extended attributes',
      {
        ...fileEntry,
        xattrs: [
          { name: 'user.empty', value: { hex: '' } },
          { name: 'security.capability', value: { hex: '0100000200040000000000000000000000000000' } },
          { name: 'security.selinux', value: { text: 'system_u:object_r:bin_t:s0\0' } },
          { name: 'user.größe', value: { text: '3' } },
        ],
      },
    ],
    [
      'a sparse file of 1 MiB: 3 bytes of data in two places',
      {
        ...fileEntry,
        sparse: {
          size: MiB,
          data: [
            [0, 1],
            [524288, 2],
          ],
        },
      },
    ],
    [
      'a sparse file of nothing but a hole',
      { ...fileEntry, size: 0, digest: emptyDigest, offset: 0, sparse: { size: 4096, data: [] } },
    ],
    ['the root directory', directory],
    ['a directory', { ...directory, path: { text: 'var/tmp' }, mode: 0o1777 }],
    ['a symbolic link', { type: 'symlink', path: { text: 'bin' }, ...owned, target: { text: 'usr/bin' } }],
    [
      'a symbolic link to bytes that are not UTF-8, out of the tree',
      { type: 'symlink', path: { text: 'x' }, ...owned, target: { hex: '2f2e2e2fff' } },
    ],
    ['a hard link', { type: 'hardlink', path: { text: 'usr/bin/hi' }, target: { text: 'usr/bin/hello' } }],
    [
      'a character device',
      {
        type: 'character',
        path: { text: 'dev/null' },
        mode: 0o666,
        ...owned,
        device: { major: 1, minor: 3 },
      },
    ],
    [
      'a block device with the largest numbers',
      {
        type: 'block',
        path: { text: 'dev/b' },
        mode: 0o660,
        ...owned,
        device: { major: 4294967295, minor: 4294967295 },
      },
    ],
    ['a fifo', { type: 'fifo', path: { text: 'run/pipe' }, mode: 0o600, ...owned }],
  ]
  writeCases('entries.json', 'The lines of entries, without the newline (format §3.3).', inputs, (input) =>
    encodeEntry(entryOf(input)),
  )
}

function manifests(): void {
  const content = Buffer.from('abc')
  const chunk: ChunkRef = { digest: digestOf(content), size: content.length }
  const [file] = [entryOf({ ...fileEntry, offset: 0 })]
  const tree = ['', 'usr', 'usr/bin'].map((text) =>
    entryOf({ type: 'directory', path: { text }, mode: 0o755, ...owned }),
  )
  const sorted = [
    entryOf({ type: 'directory', path: { text: '' }, mode: 0o755, ...owned }),
    entryOf({ type: 'directory', path: { text: 'a' }, mode: 0o755, ...owned }),
    entryOf({ type: 'fifo', path: { text: 'a-b' }, mode: 0o600, ...owned }),
    entryOf({ type: 'fifo', path: { text: 'a/b' }, mode: 0o600, ...owned }),
    entryOf({ type: 'fifo', path: { text: '\u{e9}' }, mode: 0o600, ...owned }),
    entryOf({ type: 'fifo', path: { text: '\u{fb33}' }, mode: 0o600, ...owned }),
    entryOf({ type: 'fifo', path: { text: '\u{1f600}' }, mode: 0o600, ...owned }),
    entryOf({ type: 'fifo', path: { hex: 'ff' }, mode: 0o600, ...owned }),
  ]
  const hello = [
    ...tree,
    ...(file === undefined ? [] : [file]),
    entryOf({ type: 'hardlink', path: { text: 'usr/bin/hi' }, target: { text: 'usr/bin/hello' } }),
  ]
  const kinds = [
    { file: 'empty', comment: 'a module without entries', module: 'empty', chunkTable: [], entries: [] },
    {
      file: 'hello',
      comment: 'one chunk, one file, one hard link',
      module: 'hello',
      chunkTable: [chunk],
      entries: hello,
    },
    {
      file: 'order',
      comment: 'byte order: `a-b` before `a/b`, and unlike UTF-16, U+FB33 before U+1F600',
      module: 'order',
      chunkTable: [],
      entries: sorted,
    },
  ]
  mkdirSync(new URL('manifests', import.meta.url), { recursive: true })
  const inputs = kinds.map((kind): [string, { file: string }] => {
    write(`manifests/${kind.file}.ndjson`, encodeManifest({ ...kind, chunking: defaultProfile.name }))
    return [kind.comment, { file: `manifests/${kind.file}.ndjson` }]
  })
  writeCases('manifests.json', 'Whole manifests, plain (format §3).', inputs, ({ file: name }) => {
    const kind = kinds.find((each) => name === `manifests/${each.file}.ndjson`)
    if (kind === undefined) throw new Error(`no manifest ${name}`)
    const bytes = encodeManifest({ ...kind, chunking: defaultProfile.name })
    const digest = digestOf(bytes)
    return {
      digest,
      key: `manifests/${hexOf(digest)}.ndjson.zst`,
      bytes: bytes.length,
      module: kind.module,
      chunks: kind.chunkTable.length,
      entries: kind.entries.length,
      contentBytes: kind.chunkTable.reduce((sum, each) => sum + each.size, 0),
    }
  })
}

function documents(): void {
  const base = { manifest: { digest: abc, bytes: 1234 }, includes: [], entries: 5, contentBytes: 3 }
  const releases: [string, Release][] = [
    ['the least', { version: 1, created: '2025-01-01T00:00:00Z', modules: { base } }],
    [
      'everything',
      {
        version: 20,
        label: '25.01 “Größe”',
        created: '2024-02-29T23:59:59Z',
        requires: 10,
        modules: {
          'lib.c-plus': base,
          base,
          editor: {
            ...base,
            includes: ['base', 'lib.c-plus'],
            optional: ['kernel'],
            description: 'Edits text',
            hooks: [
              { name: 'ldconfig', run: ['/usr/sbin/ldconfig', '-X'] },
              { name: 'index', run: ['/usr/bin/index'] },
            ],
          },
          kernel: { ...base, essential: true, kind: 'image' },
        },
      },
    ],
  ]
  writeCases('releases.json', 'Release documents (format §5).', releases, (release) => {
    const text = encodeRelease(release)
    return { text, digest: digestOf(Buffer.from(text)), target: releaseTargetPath(release.version) }
  })
  const rollout = { seed: '', steps: [{ at: '2026-01-31T00:00:00Z', fraction: wholeFleet }] }
  const channels: [string, Channel][] = [
    ['the least', { channel: 'stable', version: 1, waypoints: [], rollout, halted: false }],
    [
      'everything',
      {
        channel: 'beta-2',
        version: 20,
        previous: 19,
        waypoints: [5, 10],
        rollout: { seed: 'beta-2/20', steps: twoDays },
        halted: true,
        halt: { at: '2026-01-31T12:00:00Z', reason: 'größer “als” gedacht' },
      },
    ],
    [
      'halted for no reason',
      {
        channel: 'stable',
        version: 1,
        waypoints: [],
        rollout,
        halted: true,
        halt: { at: '2026-01-31T12:00:00Z' },
      },
    ],
    [
      'rolled back',
      {
        channel: 'stable',
        version: 19,
        previous: 20,
        waypoints: [],
        rollout,
        halted: false,
        rollback: { from: 20, reason: 'web servers do not start' },
      },
    ],
  ]
  writeCases('channels.json', 'Channel documents (format §6).', channels, (channel) => {
    const text = encodeChannel(channel)
    return { text, digest: digestOf(Buffer.from(text)), target: channelTargetPath(channel.channel) }
  })
}

function curves(): void {
  const stairs = [
    { at: '2026-01-31T00:00:00Z', fraction: 0 },
    { at: '2026-01-31T00:00:01Z', fraction: 3 },
    { at: '2026-01-31T00:00:08Z', fraction: 3 },
    { at: '2026-01-31T00:00:15Z', fraction: 5 },
  ]
  const centuries = [
    { at: '0000-01-01T00:00:00Z', fraction: 0 },
    { at: '9999-12-31T23:59:59Z', fraction: 10_000 },
  ]
  const inputs: [string, { steps: readonly RolloutStep[]; instant: string; bucket: number }][] = [
    ['before the first step', { steps: twoDays, instant: '2026-01-30T23:59:59Z', bucket: 0 }],
    ['at the first step', { steps: twoDays, instant: '2026-01-31T00:00:00Z', bucket: 99 }],
    ['parts of a second do not count', { steps: twoDays, instant: '2026-01-31T00:00:17.999Z', bucket: 100 }],
    ['a machine more', { steps: twoDays, instant: '2026-01-31T00:00:18Z', bucket: 101 }],
    ['half way', { steps: twoDays, instant: '2026-02-01T00:00:00Z', bucket: 5050 }],
    ['a second before the end', { steps: twoDays, instant: '2026-02-01T23:59:59Z', bucket: 9999 }],
    ['after the last step', { steps: twoDays, instant: '2030-01-01T00:00:00Z', bucket: 100 }],
    ['a jump within a second', { steps: stairs, instant: '2026-01-31T00:00:01Z', bucket: 0 }],
    ['a level part', { steps: stairs, instant: '2026-01-31T00:00:05Z', bucket: 3 }],
    ['rounded down', { steps: stairs, instant: '2026-01-31T00:00:11Z', bucket: 4 }],
    ['a bucket whose turn does not come', { steps: stairs, instant: '2026-01-31T00:00:15Z', bucket: 5 }],
    ['as long as there are years', { steps: centuries, instant: '2026-01-31T00:00:00Z', bucket: 2025 }],
  ]
  writeCases(
    'rollout-curves.json',
    'How many machines of 10,000 may move at an instant, and from when on a bucket takes part (format §6.2).',
    inputs,
    ({ steps, instant, bucket }) => ({
      fraction: fractionAt({ steps }, new Date(instant)),
      turn: turnOf({ steps }, bucket) ?? null,
    }),
  )
}

async function rollouts(): Promise<void> {
  const { h64 } = await xxhash()
  const inputs: [string, { seed: string; machineId: string }][] = [
    ['an empty seed', { seed: '', machineId: 'b642b4217b34b1e8d3bd915fc65c4452' }],
    ['a seed', { seed: 'stable/20', machineId: 'b642b4217b34b1e8d3bd915fc65c4452' }],
    ['another machine', { seed: 'stable/20', machineId: '08e1b6e4d23e4c43a1c5cd0d0dd09e08' }],
    ['text beyond ASCII, as UTF-8', { seed: 'größe', machineId: 'ffffffffffffffffffffffffffffffff' }],
  ]
  writeCases('rollouts.json', 'The bucket of a machine (format §6.2).', inputs, ({ seed, machineId }) => {
    const value = h64(`${seed}:${machineId}`)
    return { xxh64: value.toString(16).padStart(16, '0'), bucket: Number(value % BigInt(wholeFleet)) }
  })
}

function gear(): void {
  const table = Buffer.alloc(1024)
  gearTable.forEach((value, byte) => table.writeInt32LE(value, byte * 4))
  const unsigned = [...gearTable].map((value) => value >>> 0)
  const cases = [
    {
      comment:
        'the values of bytes 0, 1, 2, 3 and 255, unsigned, and the digest of all 256 as little-endian bytes',
      input: { bytes: [0, 1, 2, 3, 255] },
      expected: { values: [...unsigned.slice(0, 4), unsigned[255]], digest: digestOf(table) },
    },
  ]
  write('gear-table.json', json({ comment: 'The gear table (format §9.1).', cases }))
}

function cuts(): void {
  const noise = (seed: string, bytes: number): ByteRecipe => ({ recipe: 'sha256-counter', seed, bytes })
  const inputs: [string, ByteRecipe][] = [
    ['a single byte', { recipe: 'zeros', bytes: 1 }],
    ['as much as the smallest chunk', noise('cut-points', 64 * KiB)],
    ['one byte more', noise('cut-points', 64 * KiB + 1)],
    ['noise', noise('cut-points', 8 * MiB)],
    ['zeros: no cut before the largest size', { recipe: 'zeros', bytes: 2 * MiB + 7 }],
    ['a short period', { recipe: 'repeat', text: 'All work and no play.\n', bytes: 3 * MiB }],
    [
      'noise, zeros, and the same noise again',
      {
        recipe: 'concatenation',
        parts: [noise('around', MiB), { recipe: 'zeros', bytes: 3 * MiB }, noise('around', MiB)],
      },
    ],
  ]
  writeCases(
    'cut-points.json',
    'Lengths of chunks, profile fastcdc-64k-256k-1m (format §9.2).',
    inputs,
    (recipe) => {
      const content = makeBytes(recipe)
      return { digest: digestOf(content), lengths: cutLengths(content, defaultProfile) }
    },
  )
  const trees: [string, { seed: string; files: number }][] = [
    ['2000 files', { seed: 'small-files', files: 2000 }],
  ]
  writeCases(
    'small-files.json',
    'Groups of small files by how many each holds (format §9.3). File i of n has the path `<seed>/<i in 8 digits>` ' +
      'and as many bytes as 1 plus the first four bytes of SHA-256(path), big-endian, modulo 65535.',
    trees,
    ({ seed, files }) => groupSizes(smallTree(seed, files), defaultProfile),
  )
}

function chunks(): void {
  const inputs: [string, VectorBytes][] = [
    ['one byte', { hex: '00' }],
    ['text', { text: 'All work and no play.\n'.repeat(40) }],
    ['noise', { hex: makeBytes({ recipe: 'sha256-counter', seed: 'chunk', bytes: 300 }).toString('hex') }],
  ]
  writeCases(
    'chunks.json',
    'Stored chunks (format §2). Other frames of the same bytes are as good: a reader is tested, not a compressor.',
    inputs,
    (input) => {
      const plain = bytesOf(input)
      const digest = digestOf(plain)
      return {
        digest,
        size: plain.length,
        key: `chunks/${hexOf(digest).slice(0, 4)}/${hexOf(digest)}.cacnk`,
        frame: Buffer.from(encodeChunk(plain)).toString('base64'),
      }
    },
  )
}

digests()
treePaths()
canonical()
entries()
manifests()
documents()
await rollouts()
curves()
gear()
cuts()
chunks()
packs(write, json)
