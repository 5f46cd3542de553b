import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Digest } from '../../manifests/digest.ts'
import type { FileEntry } from '../../manifests/entry.ts'
import { encodeDelta, encodeWhole, type Delta } from '../../src/delta/encode-delta.ts'
import { viewBytes, type ContentView } from '../../src/delta/content-view.ts'
import { encodePackHeader, type PackHeader } from '../../src/pack/pack-header.ts'
import type { PackContent } from '../../src/pack/pack-index.ts'
import { GroupWriter, type StoredGroup } from '../../src/pack/pack-writer.ts'
import { packKey } from '../../src/repository/layout.ts'
import { loadState } from '../../src/repository/repository-state.ts'
import { Repository } from '../../src/repository/repository.ts'
import { ContentReader } from '../../src/tree/file-content.ts'
import type { Scenario } from './scenario.ts'

/** A release's module with all its contents in memory. */
interface Side {
  readonly digest: Digest
  readonly plain: Buffer
  /** By digest. */
  readonly contents: ReadonlyMap<Digest, Content>
  readonly byPath: ReadonlyMap<string, Content>
}

interface Content {
  readonly position: number
  readonly bytes: Buffer
}

export interface PackOptions {
  readonly module?: string
  /** Contents in a group; all. */
  readonly perGroup?: number
  /** Bytes of a part of a content: with few, contents go over the ends of groups. */
  readonly partBytes?: number
}

export interface TestPack {
  readonly key: string
  readonly header: PackHeader
  readonly bytes: Buffer
}

/** The simplest maker of packs: the file at the same path is the basis, and all is in memory. */
export async function makeTestPack(
  scenario: Scenario,
  from: number | undefined,
  to: number,
  { module = 'base', perGroup = Infinity, partBytes = 1 << 20 }: PackOptions = {},
): Promise<TestPack> {
  const old = from === undefined ? undefined : await readSide(scenario, from, module)
  const next = await readSide(scenario, to, module)
  const groups: StoredGroup[] = []
  let group = new GroupWriter(true)
  let count = 0
  const close = (fresh: boolean): void => {
    if (!group.isEmpty) groups.push(group.finish())
    group = new GroupWriter(fresh)
    count = 0
  }
  const add = (what: PackContent['what'], position: number, target: ContentView, basis?: Content): void => {
    const delta: Delta =
      basis === undefined
        ? encodeWhole(target, partBytes)
        : encodeDelta(target, viewBytes(basis.bytes), partBytes)
    const bases = basis === undefined ? [] : [{ position: basis.position, unpacked: false }]
    const content: PackContent = { what, position, bases, repack: undefined, ...delta.head }
    let isFirst = true
    for (const { targetBytes, streams } of delta.parts) {
      if (group.isFullFor(streams) || (!isFirst && partBytes < 1 << 20)) close(isFirst)
      const size = basis?.bytes.length ?? 0
      group.add({ content: isFirst ? content : undefined, targetBytes }, streams, target.length, size)
      isFirst = false
    }
    if (++count >= perGroup) close(true)
  }
  add('manifest', 0, viewBytes(next.plain), old && { position: 0, bytes: old.plain })
  close(true)
  for (const [digest, content] of [...next.contents].sort((a, b) => a[1].position - b[1].position)) {
    if (old?.contents.has(digest) === true) continue
    const path = [...next.byPath].find(([, found]) => found.position === content.position)?.[0] ?? ''
    add('content', content.position, viewBytes(content.bytes), old?.byPath.get(path))
  }
  close(true)
  const header: PackHeader = {
    kind: 'manifests',
    from: old?.digest,
    to: next.digest,
    groups: groups.map(({ group: described }) => described),
  }
  return {
    key: packKey(old?.digest, next.digest),
    header,
    bytes: Buffer.concat([encodePackHeader(header), ...groups.map(({ bytes }) => bytes)]),
  }
}

/** Makes a pack and puts it where the scenario's server finds it. */
export async function publishPack(
  scenario: Scenario,
  from: number | undefined,
  to: number,
  options: PackOptions = {},
): Promise<TestPack> {
  const pack = await makeTestPack(scenario, from, to, options)
  storePack(scenario, pack.key, pack.bytes)
  return pack
}

export function storePack(scenario: Scenario, key: string, bytes: Uint8Array): void {
  const file = join(scenario.repository, key)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, bytes)
}

async function readSide(scenario: Scenario, version: number, name: string): Promise<Side> {
  const repository = new Repository(scenario.store, await loadState(scenario.store))
  const module = (await repository.release(version)).modules[name]
  if (module === undefined) throw new RangeError(`release ${version} has no module ${name}`)
  const pieces: Uint8Array[] = []
  for await (const piece of repository.manifestBytes(module.manifest)) pieces.push(piece)
  const contents = new Map<Digest, Content>()
  const byPath = new Map<string, Content>()
  const { entries } = await repository.manifest(module)
  for await (const { entry } of entries) {
    if (entry.type !== 'file' || entry.size === 0) continue
    const known = contents.get(entry.digest)
    const content = known ?? {
      position: entry.offset,
      bytes: readContent(scenario.tree(version, name), entry),
    }
    contents.set(entry.digest, content)
    byPath.set(entry.path, content)
  }
  return { digest: module.manifest.digest, plain: Buffer.concat(pieces), contents, byPath }
}

function readContent(tree: string, entry: FileEntry): Buffer {
  const fd = openSync(join(tree, entry.path), 'r')
  try {
    const bytes = Buffer.alloc(entry.size)
    new ContentReader(fd, { ...entry, tree }).read(bytes, 0)
    return bytes
  } finally {
    closeSync(fd)
  }
}
