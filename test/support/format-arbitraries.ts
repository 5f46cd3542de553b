import * as fc from 'fast-check'
import type { Channel } from '../../manifests/channel.ts'
import { digestOf, emptyDigest, type Digest } from '../../manifests/digest.ts'
import type { Entry, SparseMap } from '../../manifests/entry.ts'
import { maxChunkBytes } from '../../manifests/chunk-limits.ts'
import type { ChunkRef } from '../../manifests/manifest.ts'
import type { Release, ReleaseModule } from '../../manifests/release.ts'
import type { RolloutStep } from '../../manifests/rollout.ts'
import { joinTreePath, rootPath, type TreePath } from '../../manifests/tree-path.ts'

export const digests: fc.Arbitrary<Digest> = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes): Digest => `sha256:${Buffer.from(bytes).toString('hex')}`)

export const chunkRefs: fc.Arbitrary<ChunkRef> = fc.record({
  digest: digests,
  size: fc.integer({ min: 1, max: maxChunkBytes }),
})

/** Of every kind that some JSON writer, encoder or sort order treats in its own way. */
export const characters = fc.constantFrom(
  ...Array.from('az09AZ ._-+:/~"\\\b\t\n\r\x01\x1f\x7f\x80éß\u0301€\u2028\ufb33\ufeff\uffff😀\u{10ffff}'),
)

/** One component of a path: any bytes but NUL and `/`; often text, often not UTF-8. */
export const fileNames: fc.Arbitrary<string> = fc
  .oneof(
    fc.string({ unit: characters, minLength: 1, maxLength: 40 }).map((text) => Buffer.from(text, 'utf8')),
    fc.uint8Array({ minLength: 1, maxLength: 255 }).map((bytes) => Buffer.from(bytes)),
  )
  .map((bytes) => bytes.toString('latin1').replaceAll(/[\0/]/g, '_').slice(0, 255))
  .filter((name) => name !== '.' && name !== '..')

export const treePaths: fc.Arbitrary<TreePath> = fc
  .array(fileNames, { minLength: 1, maxLength: 6 })
  .map((names) => names.reduce<TreePath>((path, name) => joinTreePath(path, name), rootPath))

const linkTexts = fc.oneof(
  treePaths.map(String),
  fc.constantFrom('/', '.', '..', '/proc/self', '../../x', 'a//b/'),
)

const xattrs = fc
  .uniqueArray(
    fc.tuple(
      fc.tuple(
        fc.constantFrom('user.', 'security.', 'system.', 'trusted.'),
        fc.string({ unit: characters, minLength: 1, maxLength: 20 }),
      ),
      fc.uint8Array({ maxLength: 64 }),
    ),
    { maxLength: 3, selector: ([[space, name]]) => space + name.replaceAll('\0', '_') },
  )
  .map(
    (pairs) =>
      new Map(
        pairs.map(([[space, name], value]) => [space + name.replaceAll('\0', '_'), Buffer.from(value)]),
      ),
  )

const owner = {
  uid: fc.nat({ max: 0xff_ff_ff_fe }),
  gid: fc.nat({ max: 0xff_ff_ff_fe }),
  mtime: fc.record({
    seconds: fc.oneof(fc.maxSafeInteger(), fc.integer()),
    nanos: fc.oneof(fc.constant(0), fc.nat({ max: 999_999_999 })),
  }),
  xattrs,
}
const metadata = { ...owner, mode: fc.nat({ max: 0o7777 }) }

const sparseMaps: fc.Arbitrary<SparseMap> = fc
  .tuple(
    fc.array(fc.tuple(fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 1, max: 1e6 })), { maxLength: 5 }),
    fc.boolean(),
    fc.integer({ min: 1, max: 1e6 }),
  )
  .map(([runs, dataFirst, tail]) => {
    let end = 0
    const data = runs.map(([hole, length], i): [number, number] => {
      const offset = end + (i === 0 && dataFirst ? 0 : hole)
      end = offset + length
      return [offset, length]
    })
    return { size: end + tail, data }
  })

/** Where the content is and how much: within a stream of `contentBytes`. */
function contents(contentBytes: number) {
  return fc
    .tuple(fc.nat({ max: contentBytes }), fc.nat({ max: contentBytes }), digests)
    .map(([a, b, digest]) =>
      a === b
        ? { size: 0, offset: 0, digest: emptyDigest }
        : { size: Math.abs(a - b), offset: Math.min(a, b), digest },
    )
}

function sparseContents() {
  return fc.tuple(sparseMaps, digests, fc.nat()).map(([sparse, digest, offset]) => {
    const size = sparse.data.reduce((sum, [, length]) => sum + length, 0)
    return size === 0 ? { size, sparse, offset: 0, digest: emptyDigest } : { size, sparse, offset, digest }
  })
}

function type<T extends Entry['type']>(name: T): fc.Arbitrary<T> {
  return fc.constant(name)
}

/** Any entry at `path` but a hard link, its content within a stream of `contentBytes`. */
export function entriesAt(path: TreePath, contentBytes: number): fc.Arbitrary<Entry> {
  const here = fc.constant(path)
  const file = fc.record({ path: here, type: type('file'), ...metadata })
  const number = fc.nat({ max: 0xff_ff_ff_ff })
  return fc.oneof(
    fc.tuple(file, contents(contentBytes)).map(([entry, content]): Entry => Object.assign(entry, content)),
    fc.record({ path: here, type: type('directory'), ...metadata }),
    fc.record({ path: here, type: type('symlink'), ...owner, target: linkTexts }),
    fc.record({ path: here, type: type('fifo'), ...metadata }),
    fc.record({
      path: here,
      type: fc.constantFrom('block', 'character'),
      ...metadata,
      device: fc.record({ major: number, minor: number }),
    }),
  )
}

const sparseFiles: fc.Arbitrary<Entry> = fc
  .tuple(fc.record({ path: treePaths, type: type('file'), ...metadata }), sparseContents())
  .map(([entry, content]) => Object.assign(entry, content))

const hardlinks: fc.Arbitrary<Entry> = fc
  .tuple(treePaths, treePaths)
  .filter(([a, b]) => a !== b)
  .map(([a, b]) => {
    const [target, path] = a < b ? [a, b] : [b, a]
    return { path, target, type: 'hardlink' }
  })

/** Any entry on its own. */
export const entries: fc.Arbitrary<Entry> = fc.oneof(
  { weight: 6, arbitrary: treePaths.chain((path) => entriesAt(path, Number.MAX_SAFE_INTEGER)) },
  { weight: 2, arbitrary: sparseFiles },
  { weight: 1, arbitrary: hardlinks },
)

export interface ManifestParts {
  readonly module: string
  readonly chunking: string
  readonly chunkTable: readonly ChunkRef[]
  readonly entries: readonly Entry[]
}

/** A whole manifest that follows every rule: each entry has its directory, all in byte order. */
export const manifests: fc.Arbitrary<ManifestParts> = fc
  .tuple(fc.array(chunkRefs, { maxLength: 4 }), fc.array(treePaths, { maxLength: 8 }))
  .chain(([chunkTable, paths]) => {
    const contentBytes = chunkTable.reduce((sum, chunk) => sum + chunk.size, 0)
    return fc.record({
      module: names,
      chunking: names,
      chunkTable: fc.constant(chunkTable),
      entries: fc.tuple(...treeOf(paths).map((path) => placeIn(path, paths, contentBytes))),
    })
  })

/** The paths and all directories above them, in byte order. */
function treeOf(paths: readonly TreePath[]): TreePath[] {
  const all = new Set<TreePath>([rootPath])
  for (const path of paths) {
    path.split('/').reduce<TreePath>((above, name) => {
      const below = joinTreePath(above, name)
      all.add(below)
      return below
    }, rootPath)
  }
  return [...all].sort()
}

function placeIn(path: TreePath, paths: readonly TreePath[], contentBytes: number): fc.Arbitrary<Entry> {
  const isAbove = path === rootPath || paths.some((other) => other.startsWith(`${path}/`))
  if (!isAbove) return entriesAt(path, contentBytes)
  return fc.record({ path: fc.constant(path), type: type('directory'), ...metadata })
}

export const names: fc.Arbitrary<string> = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,63}$/)

const versions = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
const texts = (maxLength: number) =>
  fc.string({ unit: characters, maxLength }).map((text) => text.slice(0, maxLength).toWellFormed())

const argumentTexts = texts(40).filter((text) => !text.includes('\0'))

const hooks = fc.record({
  name: names,
  run: fc
    .tuple(argumentTexts, fc.array(argumentTexts, { maxLength: 5 }))
    .map(([program, others]): string[] => [`/${program}`].concat(others)),
})

const releaseModules: fc.Arbitrary<ReleaseModule> = fc.record(
  {
    manifest: fc.record({ digest: digests, bytes: versions }),
    includes: fc.constant([]),
    entries: fc.maxSafeNat(),
    contentBytes: fc.maxSafeNat(),
    description: texts(200).filter((text) => text !== ''),
    essential: fc.constant(true as const),
    hooks: fc.array(hooks, { minLength: 1, maxLength: 3 }),
    kind: fc.constant('image' as const),
  },
  { requiredKeys: ['manifest', 'includes', 'entries', 'contentBytes'] },
)

const instants = fc
  .date({ min: new Date('0000-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true })
  .map((date) => `${date.toISOString().slice(0, 19)}Z`)

export const releases: fc.Arbitrary<Release> = fc.record(
  {
    version: versions,
    label: texts(200).filter((text) => text !== ''),
    created: instants,
    requires: versions,
    modules: fc
      .uniqueArray(fc.tuple(names, releaseModules, fc.nat()), {
        minLength: 1,
        maxLength: 6,
        selector: ([name]) => name,
      })
      .map((modules) => Object.fromEntries(withIncludes(modules))),
  },
  { requiredKeys: ['version', 'created', 'modules'] },
)

/** Each module includes some of those before it, chosen by the bits of a number: never in a circle. */
function withIncludes(modules: [string, ReleaseModule, number][]): [string, ReleaseModule][] {
  return modules.map(([name, module, bits], i) => {
    const includes = modules
      .slice(0, i)
      .filter((_, bit) => ((bits >> bit) & 1) === 1)
      .map(([include]) => include)
      .sort()
    return [name, { ...module, includes }]
  })
}

/** Steps that ascend in time and do not fall, a few or many, seconds or years apart. */
export const rolloutSteps: fc.Arbitrary<RolloutStep[]> = fc
  .uniqueArray(instants, { minLength: 1, maxLength: 64 })
  .chain((all) =>
    fc.array(fc.nat({ max: 10_000 }), { minLength: all.length, maxLength: all.length }).map((fractions) => {
      const rising = fractions.toSorted((a, b) => a - b)
      return all.toSorted().map((at, i) => ({ at, fraction: rising[i] ?? 0 }))
    }),
  )

const reasons = texts(200).filter((text) => text !== '')

export const channels: fc.Arbitrary<Channel> = fc
  .record(
    {
      channel: names,
      version: versions.filter((version) => version < Number.MAX_SAFE_INTEGER),
      previous: versions,
      waypoints: fc.uniqueArray(versions, { maxLength: 5 }).map((all) => all.sort((a, b) => a - b)),
      rollout: fc.record({ seed: texts(64), steps: rolloutSteps }),
      halt: fc.record({ at: instants, reason: reasons }, { requiredKeys: ['at'] }),
      rollback: fc.record({ from: versions, reason: reasons }),
    },
    { requiredKeys: ['channel', 'version', 'waypoints', 'rollout'] },
  )
  .map((channel) => {
    const { halt, rollback, version } = channel
    const from = Math.max(rollback?.from ?? 0, version + 1)
    const consistent = rollback === undefined ? {} : { rollback: { ...rollback, from } }
    return Object.assign(channel, { halted: halt !== undefined }, consistent)
  })

/** `bytes` in pieces of random sizes, some of them empty. */
export function pieces(bytes: Uint8Array): fc.Arbitrary<Uint8Array[]> {
  return fc.array(fc.nat({ max: bytes.length }), { maxLength: 20 }).map((cuts) => {
    const ends = [...cuts.sort((a, b) => a - b), bytes.length]
    return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end))
  })
}

export function digestOfText(text: string): Digest {
  return digestOf(Buffer.from(text, 'utf8'))
}
