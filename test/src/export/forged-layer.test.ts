import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { digestOf } from '../../../manifests/digest.ts'
import { exportOci, type OciExport } from '../../../src/export/export-oci.ts'
import { Publisher } from '../../support/publisher.ts'
import { DirectoryTree } from '../../../src/tree/tree-source.ts'
import { noise } from '../../support/tree-recipe.ts'
import { elfFile } from './elf-head.ts'

let publisher: Publisher
beforeAll(async () => {
  publisher = await Publisher.create()
  const tree = publisher
    .tree('base')
    .file('etc/os', 'the true one\n')
    .file('usr/bin/program', elfFile(62), { mode: 0o755 })
    .file('usr/lib/big', noise(1, 700_000))
    .hardlink('usr/lib/same', 'etc/os')
  tree.finish()
  const modules = [{ name: 'base', tree: new DirectoryTree(tree.path), includes: [] }]
  await publisher.publish(1, [], { modules }, { sourceDateEpoch: 1_700_000_000 })
})
afterAll(() => publisher[Symbol.dispose]())

async function exported(out: string): Promise<OciExport> {
  const repository = await publisher.repository()
  const release = await repository.release(1)
  const request = {
    release,
    modules: [],
    out,
    tags: ['1'],
    compression: 'gzip',
    defaultArchitecture: 'riscv64',
  } as const
  return exportOci(repository, request, {})
}

interface Described {
  digest: string
  size: number
}

/** Puts another layer into the image of a layout, which says of it what the true one says of itself. */
function forge(layout: string, change: (plain: Buffer) => Buffer, plain: Buffer): void {
  const blob = (digest: string): string => join(layout, 'blobs/sha256', digest.slice(7))
  const put = (bytes: Buffer): Described => {
    writeFileSync(blob(digestOf(bytes)), bytes)
    return { digest: digestOf(bytes), size: bytes.length }
  }
  const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'))
  const writeJson = (value: unknown): Described => put(Buffer.from(JSON.stringify(value)))
  const index = readJson(join(layout, 'index.json')) as { manifests: Described[] }
  const [image] = index.manifests
  const manifest = readJson(blob(image?.digest ?? '')) as { config: Described; layers: Described[] }
  const config = readJson(blob(manifest.config.digest)) as { rootfs: { diff_ids: string[] } }
  const forged = change(plain)
  config.rootfs.diff_ids = [digestOf(forged)]
  manifest.config = { ...manifest.config, ...writeJson(config) }
  manifest.layers = [{ ...manifest.layers[0], ...put(gzipSync(forged)) }]
  index.manifests = [{ ...image, ...writeJson(manifest) }]
  writeFileSync(join(layout, 'index.json'), JSON.stringify(index))
}

test.each([
  ['another content', (plain: Buffer) => swap(plain, 'the true one', 'the evil one')],
  ['another name', (plain: Buffer) => swap(plain, 'etc/os', 'etc/so')],
  ['more at its end', (plain: Buffer) => Buffer.concat([plain, Buffer.alloc(512)])],
  ['less at its end', (plain: Buffer) => plain.subarray(0, -512)],
  ['nothing', () => Buffer.alloc(0)],
])('a layer with %s is not taken for what its image says it is', async (what, change) => {
  const layout = join(publisher.directory, what)
  const first = await exported(layout)
  const [base] = first.layers
  const blob = join(layout, 'blobs/sha256', base?.descriptor.digest.slice(7) ?? '')
  forge(layout, change, gunzipSync(readFileSync(blob)))
  rmSync(blob)
  const again = await exported(layout)
  expect(again.layers.map(({ isReused, diffId }) => [isReused, diffId])).toEqual([[false, base?.diffId]])
  expect(again.image).toEqual(first.image)
  const third = await exported(layout)
  expect(third.layers.map(({ isReused }) => isReused)).toEqual([true])
})

function swap(plain: Buffer, from: string, to: string): Buffer {
  const copy = Buffer.from(plain)
  const at = copy.indexOf(from)
  expect(at).toBeGreaterThan(0)
  copy.write(to, at)
  return copy
}
