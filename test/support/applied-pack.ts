import { buffer } from 'node:stream/consumers'
import { expect } from 'vitest'
import { digestOf, type Digest } from '../../manifests/digest.ts'
import { contentsOf } from '../../src/delivery/pack-contents.ts'
import type { ManifestRef } from '../../src/delivery/plan-pack.ts'
import { viewBytes } from '../../src/delta/content-view.ts'
import { PackReader } from '../../src/pack/pack-reader.ts'
import type { Repository } from '../../src/repository/repository.ts'
import { MemoryPackTarget, type PackWorld } from './memory-pack-target.ts'

/** One side of a pack, out of the chunks of a repository: what a machine that has it all would have. */
interface Side {
  readonly manifest: Uint8Array
  readonly contents: ReadonlyMap<number, Uint8Array>
  readonly digests: ReadonlyMap<number, Digest>
}

/** Applies a pack to what the repository says of both its manifests; expects all that is new, each with its digest. */
export async function expectApplies(
  repository: Repository,
  pack: Buffer,
  from: ManifestRef | undefined,
  to: ManifestRef,
): Promise<PackReader> {
  const [old, next] = [from && (await readSide(repository, from)), await readSide(repository, to)]
  const world: PackWorld = {
    to: next.contents,
    from: old?.contents ?? new Map(),
    newManifest: next.manifest,
    oldManifest: old?.manifest,
  }
  const reader = new PackReader(viewBytes(pack))
  expect(reader.header).toMatchObject({ kind: 'manifests', from: from?.digest, to: to.digest })
  expect(reader.length).toBe(pack.length)
  const target = new MemoryPackTarget(world)
  reader.apply(target, 0, reader.header.groups.length)
  const made = new Map([...target.made].map(([name, bytes]) => [name, digestOf(bytes)]))
  const known = new Set(old?.digests.values())
  const wanted = [...next.digests].filter(([, digest]) => !known.has(digest))
  expect(made).toEqual(
    new Map([
      ['manifest 0', to.digest],
      ...wanted.map(([position, digest]) => [`content ${position}`, digest] as const),
    ]),
  )
  return reader
}

async function readSide(repository: Repository, ref: ManifestRef): Promise<Side> {
  const opened = await repository.manifest({ manifest: ref })
  const contents = [...(await contentsOf(opened)).values()].sort((a, b) => a.position - b.position)
  const chunks: Buffer[] = []
  for (const chunk of opened.chunkTable) chunks.push(await repository.chunk(chunk))
  const stream = Buffer.concat(chunks)
  return {
    manifest: await buffer(repository.manifestBytes(ref)),
    contents: new Map(
      contents.map(({ position, size }) => [position, stream.subarray(position, position + size)]),
    ),
    digests: new Map(contents.map(({ position, digest }) => [position, digest])),
  }
}
