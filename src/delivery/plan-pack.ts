import type { Digest } from '../../manifests/digest.ts'
import type { ChunkRef } from '../../manifests/manifest.ts'
import type { CallOptions } from '../../storage/blob-store.ts'
import type { Repository } from '../repository/repository.ts'
import { BasisFinder, type BasisReason } from '../similarity/find-bases.ts'
import type { Sketch } from '../similarity/sketch.ts'
import { contentsOf, type ManifestContent } from './pack-contents.ts'

/** A manifest as a release names it. */
export interface ManifestRef {
  readonly digest: Digest
  /** Plain bytes. */
  readonly bytes: number
}

/** What a pack has to make, and out of what it may. */
export interface PackPlan {
  readonly to: PackSide
  readonly from: PackSide | undefined
  /** In the order of the new content stream. */
  readonly contents: readonly PlannedContent[]
}

export interface PackSide {
  readonly ref: ManifestRef
  readonly chunkTable: readonly ChunkRef[]
}

export interface PlannedContent {
  readonly content: ManifestContent
  /** The likeliest first. */
  readonly candidates: readonly PlannedBasis[]
}

export interface PlannedBasis {
  readonly content: ManifestContent
  readonly reason: BasisReason
}

/** The sketches of a manifest's contents, where there are any. */
export interface SketchLookup {
  sketchOf(digest: Digest): Sketch | undefined
}

/** What the contents of one manifest are like is known from when they were published; without that, paths must do. */
export type ReadSketches = (manifest: Digest) => Promise<SketchLookup | undefined>

/** Candidates that are tried for one content. */
const maxCandidates = 3

/** Compares two manifests. Memory: the distinct contents of the old one. */
export async function planPack(
  repository: Repository,
  from: ManifestRef | undefined,
  to: ManifestRef,
  readSketches: ReadSketches,
  options: CallOptions = {},
): Promise<PackPlan> {
  const old = from === undefined ? undefined : await readSide(repository, from, options)
  const next = await readSide(repository, to, options)
  const wanted = [...next.contents.values()]
    .filter(({ digest }) => old?.contents.has(digest) !== true)
    .sort((a, b) => a.position - b.position)
  const find = old === undefined ? (): PlannedBasis[] => [] : await finder(old, next, readSketches)
  const contents = wanted.map((content) => ({ content, candidates: find(content) }))
  return { to: next.side, from: old?.side, contents }
}

interface ReadSide {
  readonly side: PackSide
  readonly contents: ReadonlyMap<Digest, ManifestContent>
}

async function readSide(repository: Repository, ref: ManifestRef, options: CallOptions): Promise<ReadSide> {
  const opened = await repository.manifest({ manifest: ref }, options)
  return { side: { ref, chunkTable: opened.chunkTable }, contents: await contentsOf(opened) }
}

async function finder(
  old: ReadSide,
  next: ReadSide,
  readSketches: ReadSketches,
): Promise<(content: ManifestContent) => PlannedBasis[]> {
  const [oldSketches, newSketches] = [
    await readSketches(old.side.ref.digest),
    await readSketches(next.side.ref.digest),
  ]
  const contents = [...old.contents.values()]
  const bases = new BasisFinder(
    contents.map(({ path, size, digest }, ordinal) => ({
      ordinal,
      path,
      size,
      sketch: oldSketches?.sketchOf(digest),
    })),
  )
  return ({ path, size, digest }) =>
    bases
      .candidates({ path, size, sketch: newSketches?.sketchOf(digest) }, maxCandidates)
      .flatMap(({ ordinal, reason }) => {
        const content = contents[ordinal]
        return content === undefined ? [] : [{ content, reason }]
      })
}
