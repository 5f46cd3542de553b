import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { digestOf } from '../../../manifests/digest.ts'
import { exportOci, type OciExport, type OciExportRequest } from '../../../src/export/export-oci.ts'
import type { Compression } from '../../../src/export/oci-documents.ts'
import { findModule } from '../../../src/repository/find-module.ts'
import { openOciSource } from '../../../src/sources/oci-source.ts'
import type { ModuleSource } from '../../../src/ingest/publish-release.ts'
import { DirectoryTree } from '../../../src/tree/tree-source.ts'
import { MemoryStore } from '../../../storage/memory-store.ts'
import { elfFile } from './elf-head.ts'
import { bytesIn, keysIn, Publisher } from '../../support/publisher.ts'
import { noise, type TreeRecipe } from '../../support/tree-recipe.ts'

let publisher: Publisher
let at: (name: string) => string
let notes: string[]
let [outs, latest] = [0, 2]

beforeAll(async () => {
  publisher = await Publisher.create()
  publisher
    .tree('base')
    .file('etc/os', 'one')
    .file('usr/lib/big', noise(1, 1_500_000))
    .hardlink('usr/lib/same', 'etc/os')
  publisher.tree('web').file('srv/index', 'hello')
  publisher.tree('web2').file('srv/index', 'changed').file('srv/more', noise(2, 1_500_000))
  publisher.tree('tools').file('usr/bin/tool', 'new')
  await publish(1, [moduleOf('web', 'web', ['base']), moduleOf('base')])
  await publish(2, [moduleOf('web', 'web2', ['base']), moduleOf('base'), moduleOf('tools')])
})

afterAll(() => {
  publisher[Symbol.dispose]()
})

beforeEach(() => {
  const directory = join(publisher.directory, 'out', String(++outs))
  at = (name) => join(directory, name)
  mkdirSync(directory, { recursive: true })
  notes = []
})

function moduleOf(name: string, tree = name, includes: readonly string[] = []): ModuleSource {
  const recipe = publisher.tree(tree)
  recipe.finish()
  return { name, tree: new DirectoryTree(recipe.path), includes }
}

async function publish(version: number, modules: readonly ModuleSource[]): Promise<void> {
  await publisher.publish(version, [], { modules }, { sourceDateEpoch: 1_700_000_000 + version })
}

/** A release of one module of its own. */
async function publishTree(build: (tree: TreeRecipe) => unknown): Promise<number> {
  const version = ++latest
  build(publisher.tree(`tree-${version}`))
  await publish(version, [moduleOf('base', `tree-${version}`)])
  return version
}

async function exported(
  version: number,
  out: string,
  changes: Partial<OciExportRequest> = {},
): Promise<OciExport> {
  const repository = await publisher.repository()
  const release = await repository.release(version)
  const request = {
    release,
    modules: [],
    out: at(out),
    tags: [String(version)],
    compression: 'gzip',
    defaultArchitecture: 'riscv64',
    ...changes,
  } as const
  return exportOci(repository, request, { onNote: (note) => notes.push(note) })
}

/** Every file below a directory and the digest of its bytes. */
function contentsOf(directory: string): Record<string, string> {
  const names = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((item) =>
    item.isFile(),
  )
  return Object.fromEntries(
    names
      .map((item) => join(item.parentPath, item.name))
      .sort()
      .map((path) => [path.slice(directory.length), digestOf(readFileSync(path))]),
  )
}

function jsonAt(layout: string, digest: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(at(layout), 'blobs/sha256', digest.slice(7)), 'utf8')) as Record<
    string,
    unknown
  >
}

describe('an exported image', () => {
  test('has a layer a module, what is included first, and says what it is', async () => {
    const { image, layers } = await exported(1, 'layout', { tags: ['example.org/os:1'] })
    expect(layers.map(({ module }) => module)).toEqual(['base', 'web'])
    const manifest = jsonAt('layout', image.digest)
    expect(manifest).toMatchObject({
      schemaVersion: 2,
      layers: layers.map(({ descriptor }) => descriptor),
      annotations: { 'org.opencontainers.image.version': '1' },
    })
    const config = jsonAt('layout', (manifest['config'] as { digest: string }).digest)
    expect(config).toMatchObject({
      os: 'linux',
      architecture: 'riscv64',
      created: '2023-11-14T22:13:21Z',
      config: { Labels: { 'org.opencontainers.image.version': '1' } },
      rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    })
    expect(JSON.parse(readFileSync(at('layout/index.json'), 'utf8'))).toMatchObject({
      manifests: [
        { digest: image.digest, annotations: { 'org.opencontainers.image.ref.name': 'example.org/os:1' } },
      ],
    })
  })

  test.each<Compression>(['gzip', 'zstd', 'none'])('is the same twice, with %s', async (compression) => {
    await exported(1, 'a', { compression })
    await exported(1, 'b', { compression })
    await exported(1, 'a.tar', { compression })
    await exported(1, 'b.tar', { compression })
    expect(contentsOf(at('b'))).toEqual(contentsOf(at('a')))
    expect(readFileSync(at('b.tar')).equals(readFileSync(at('a.tar')))).toBe(true)
    expect(readdirSync(at('')).sort()).toEqual(['a', 'a.tar', 'b', 'b.tar'])
  })

  test('has layers whose archives have the digests that it names', async () => {
    const unpack = { gzip: gunzipSync, zstd: zstdDecompressSync, none: (bytes: Buffer) => bytes }
    const ids = new Set<string>()
    for (const compression of ['gzip', 'zstd', 'none'] as const) {
      const { layers } = await exported(1, compression, { compression })
      for (const { descriptor, diffId } of layers) {
        const stored = readFileSync(join(at(compression), 'blobs/sha256', descriptor.digest.slice(7)))
        expect([digestOf(stored), stored.length]).toEqual([descriptor.digest, descriptor.size])
        expect(digestOf(unpack[compression](stored))).toBe(diffId)
        ids.add(diffId)
      }
    }
    expect(ids.size).toBe(2)
  })

  test('shares layers with earlier releases as far as modules did not change', async () => {
    const before = await exported(1, 'layout')
    const after = await exported(2, 'layout', { tags: ['2', 'latest'] })
    expect(after.layers.map(({ module, isReused }) => [module, isReused])).toEqual([
      ['base', true],
      ['tools', false],
      ['web', false],
    ])
    expect(after.layers[0]?.descriptor).toEqual(before.layers[0]?.descriptor)
    const anew = await exported(2, 'anew', { tags: ['2', 'latest'] })
    expect(anew.image).toEqual(after.image)
  })

  test('gives its tags to another, and lets other images be', async () => {
    await exported(1, 'layout', { tags: ['1', 'latest'] })
    const after = await exported(2, 'layout', { tags: ['2', 'latest'] })
    const { manifests } = JSON.parse(readFileSync(at('layout/index.json'), 'utf8')) as {
      manifests: { digest: string; annotations: Record<string, string> }[]
    }
    const tags = manifests.map(({ digest, annotations }) => [
      Object.values(annotations)[0],
      digest === after.image.digest,
    ])
    expect(tags).toEqual([
      ['1', false],
      ['2', true],
      ['latest', true],
    ])
  })

  test('is not made of a layer that was damaged since', async () => {
    const before = await exported(1, 'layout')
    const [base] = before.layers
    const blob = join(at('layout'), 'blobs/sha256', base?.descriptor.digest.slice(7) ?? '')
    const good = readFileSync(blob)
    writeFileSync(blob, Buffer.alloc(good.length))
    const after = await exported(1, 'layout')
    expect(after.layers.map(({ isReused }) => isReused)).toEqual([false, true])
    expect(readFileSync(blob).equals(good)).toBe(true)
  })

  test('has what is asked for and what that includes', async () => {
    const { layers } = await exported(2, 'layout', { modules: ['web'] })
    expect(layers.map(({ module }) => module)).toEqual(['base', 'web'])
    await expect(exported(2, 'other', { modules: ['wbe'] })).rejects.toMatchObject({
      code: 'MODULE_UNKNOWN',
      message: 'release 2 has no module "wbe"',
    })
    expect(existsSync(at('other'))).toBe(false)
  })

  test('leaves out what is no part of a root, and says so', async () => {
    const version = ++latest
    publisher.tree('kernel').file('image', 'kernel')
    const kernel = { ...moduleOf('kernel'), traits: { kind: 'image' } } as const
    await publish(version, [moduleOf('base', 'web'), kernel])
    const { layers, leftOut } = await exported(version, 'layout')
    expect([layers.map(({ module }) => module), leftOut]).toEqual([['base'], ['kernel']])
    expect(notes).toEqual([expect.stringMatching(/^kernel: left out/)])
  })

  test('is for what its programs are for, unless it is said otherwise', async () => {
    const version = await publishTree((tree) =>
      tree
        .file('usr/bin/a', '#!/bin/sh\n', { mode: 0o755 })
        .file('usr/bin/b', elfFile(183), { mode: 0o755 })
        .file('usr/lib/c.o', elfFile(62)),
    )
    expect((await exported(version, 'layout')).platform).toEqual({ os: 'linux', architecture: 'arm64' })
    // Of a layer that is used again it is known, too.
    expect((await exported(version, 'layout')).platform).toEqual({ os: 'linux', architecture: 'arm64' })
    const platform = { os: 'linux', architecture: 'arm', variant: 'v7' }
    expect((await exported(version, 'other', { platform })).platform).toEqual(platform)
  })

  test('has the holes of files as zeros, and says so', async () => {
    const holes = 'truncate -s 1M holes; printf data | dd of=holes bs=1 seek=300000 conv=notrunc status=none'
    const version = await publishTree((tree) => tree.shell(holes))
    await exported(version, 'layout')
    expect(notes).toEqual(['base: 1 files with holes are written whole, with 1044480 bytes of zeros'])
    await using source = await openOciSource(at('layout'))
    const [, file] = source.tree.walk()
    const fd = file?.open?.() ?? -1
    const expected = Buffer.alloc(1 << 20)
    expected.write('data', 300_000)
    expect(readFileSync(fd).equals(expected)).toBe(true)
  })
})

describe('an export that cannot be', () => {
  test.each([
    [
      'a name that deletes',
      (tree: string) => writeFileSync(join(tree, '.wh.etc'), ''),
      '"/.wh.etc" in the module base',
    ],
    [
      'a directory of such a name',
      (tree: string) => mkdirSync(join(tree, 'usr/.wh..wh..opq'), { recursive: true }),
      '"/usr/.wh..wh..opq" in the module base',
    ],
  ])('names %s and leaves nothing', async (_, change, words) => {
    const version = await publishTree((tree) => change(tree.path))
    await expect(exported(version, 'layout')).rejects.toMatchObject({
      code: 'EXPORT_UNSUPPORTED',
      message: expect.stringContaining(words) as string,
    })
    expect(readdirSync(at(''))).toEqual([])
  })

  test('leaves nothing where a chunk is missing, and what was there as it was', async () => {
    await exported(1, 'layout')
    const before = contentsOf(at('layout'))
    const repository = await publisher.repository(await storeWithout(2, 'web'))
    const release = await repository.release(2)
    for (const out of ['layout', 'new', 'new.tar']) {
      const request = { release, modules: [], out: at(out), tags: ['2'], compression: 'gzip' } as const
      const attempt = exportOci(repository, { ...request, defaultArchitecture: 'amd64' }, {})
      await expect(attempt).rejects.toMatchObject({ code: 'REPOSITORY_CORRUPT' })
    }
    expect(readdirSync(at(''))).toEqual(['layout'])
    expect(contentsOf(at('layout'))).toEqual(before)
  })

  test('leaves alone what is in its way', async () => {
    writeFileSync(at('a.tar'), 'mine')
    mkdirSync(at('home'))
    writeFileSync(at('home/letter'), 'dear')
    for (const [out, words] of [
      ['a.tar', 'is there already'],
      ['home', 'holds something else than an image layout'],
      ['a.tar/below', 'is a file'],
    ] as const) {
      await expect(exported(1, out)).rejects.toMatchObject({
        code: 'EXPORT_EXISTS',
        message: expect.stringContaining(words) as string,
      })
    }
    expect(contentsOf(at(''))).toEqual({
      '/a.tar': digestOf(Buffer.from('mine')),
      '/home/letter': digestOf(Buffer.from('dear')),
    })
  })

  test.each([
    ['no JSON', '{'],
    ['no index', '{"schemaVersion":2}'],
    ['an index of another version', '{"schemaVersion":1,"manifests":[]}'],
  ])('does not replace an index that is %s', async (_, index) => {
    await exported(1, 'layout')
    writeFileSync(at('layout/index.json'), index)
    await expect(exported(1, 'layout')).rejects.toMatchObject({ code: 'LAYOUT_DAMAGED' })
    expect(readFileSync(at('layout/index.json'), 'utf8')).toBe(index)
  })

  test('fills a directory that is empty, and does not need documents that are gone', async () => {
    mkdirSync(at('layout'))
    const { image } = await exported(1, 'layout')
    rmSync(join(at('layout'), 'blobs/sha256', image.digest.slice(7)))
    const again = await exported(1, 'layout')
    expect(again.layers.map(({ isReused }) => isReused)).toEqual([false, false])
    expect(again.image).toEqual(image)
  })
})

/** A copy of the store without the last chunk of a module. */
async function storeWithout(version: number, name: string): Promise<MemoryStore> {
  const repository = await publisher.repository()
  const { chunkTable, close } = await repository.manifest(findModule(await repository.release(version), name))
  await close()
  const missing = chunkTable.at(-1)?.digest.slice(7) ?? ''
  const store = new MemoryStore()
  for (const key of await keysIn(publisher.store)) {
    if (!key.includes(missing)) await store.put(key, await bytesIn(publisher.store, key))
  }
  return store
}
