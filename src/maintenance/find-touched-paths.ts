import type { Digest } from '../../manifests/digest.ts'
import type { ChunkRef } from '../../manifests/manifest.ts'
import type { CallOptions } from '../../storage/blob-store.ts'
import type { OpenManifest } from '../tree/read-manifest.ts'
import type { Repository } from '../repository/repository.ts'
import type { ManifestUse } from './check-manifests.ts'
import { maxPaths, type Damage, type Touched } from './damage.ts'

/** The damages that `damaged` chunks are, with every module and the paths whose content lies in them. */
export async function findTouchedPaths(
  repository: Repository,
  uses: readonly ManifestUse[],
  damaged: ReadonlyMap<Digest, string>,
  { signal }: CallOptions,
): Promise<Damage[]> {
  if (damaged.size === 0) return []
  const touches = new Map<Digest, Touched[]>([...damaged.keys()].map((digest) => [digest, []]))
  for (const { name, module, releases } of uses) {
    const manifest = await repository.manifest(module, { signal })
    for (const [digest, found] of await pathsIn(manifest, damaged)) {
      touches.get(digest)?.push({ module: name, releases, paths: found.paths, pathCount: found.count })
    }
  }
  return [...damaged].map(([digest, problem]) => ({
    kind: 'chunk',
    what: `chunk ${digest}`,
    problem,
    touches: touches.get(digest) ?? [],
  }))
}

interface FoundPaths {
  readonly paths: string[]
  count: number
}

interface Span {
  readonly digest: Digest
  readonly start: number
  readonly end: number
}

async function pathsIn(
  { chunkTable, entries }: OpenManifest,
  damaged: ReadonlyMap<Digest, string>,
): Promise<ReadonlyMap<Digest, FoundPaths>> {
  const spans = damagedSpans(chunkTable, damaged)
  const found = new Map<Digest, FoundPaths>(spans.map(({ digest }) => [digest, { paths: [], count: 0 }]))
  if (spans.length === 0) {
    await entries.return()
    return found
  }
  for await (const { entry } of entries) {
    if (entry.type !== 'file' || entry.size === 0) continue
    for (const digest of digestsWithin(spans, entry.offset, entry.offset + entry.size)) {
      const paths = found.get(digest)
      if (paths === undefined) continue
      paths.count++
      if (paths.paths.length < maxPaths) paths.paths.push(entry.path)
    }
  }
  return found
}

/** Where in the content stream the damaged chunks lie, ascending. */
function damagedSpans(chunkTable: readonly ChunkRef[], damaged: ReadonlyMap<Digest, string>): Span[] {
  const spans: Span[] = []
  let start = 0
  for (const { digest, size } of chunkTable) {
    if (damaged.has(digest)) spans.push({ digest, start, end: start + size })
    start += size
  }
  return spans
}

/** Each once: a file may contain the same chunk several times. */
function digestsWithin(spans: readonly Span[], start: number, end: number): Set<Digest> {
  const digests = new Set<Digest>()
  for (let i = firstEndingAfter(spans, start); i < spans.length; i++) {
    const span = spans[i]
    if (span === undefined || span.start >= end) break
    digests.add(span.digest)
  }
  return digests
}

function firstEndingAfter(spans: readonly Span[], position: number): number {
  let [low, high] = [0, spans.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((spans[middle]?.end ?? Infinity) > position) high = middle
    else low = middle + 1
  }
  return low
}
