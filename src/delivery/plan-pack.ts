import type { Digest } from '../../manifests/digest.ts'
import type { ChunkRef } from '../../manifests/manifest.ts'
import type { CallOptions } from '../../storage/blob-store.ts'
import { readSketches } from '../repository/read-sketches.ts'
import type { Repository } from '../repository/repository.ts'
import { BasisFinder, type BasisReason } from '../similarity/find-bases.ts'
import type { SketchSet } from '../similarity/sketch-set.ts'
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

/** Candidates that are tried for one content. */
const maxCandidates = 3

/** Compares two manifests. Memory: the distinct contents of the old one. */
export async function planPack(
  repository: Repository,
  from: ManifestRef | undefined,
  to: ManifestRef,
  options: CallOptions = {},
): Promise<PackPlan> {
  const old = from === undefined ? undefined : await readSide(repository, from, options)
  const next = await readSide(repository, to, options)
  const wanted = [...next.contents.values()]
    .filter(({ digest }) => old?.contents.has(digest) !== true)
    .sort((a, b) => a.position - b.position)
  const find = old === undefined ? (): PlannedBasis[] => [] : finder(old, next)
  const contents = wanted.map((content) => ({ content, candidates: find(content) }))
  return { to: next.side, from: old?.side, contents }
}

interface ReadSide {
  readonly side: PackSide
  readonly contents: ReadonlyMap<Digest, ManifestContent>
  /** Kept from when the contents were published; without them, paths must do. */
  readonly sketches: SketchSet | undefined
}

async function readSide(repository: Repository, ref: ManifestRef, options: CallOptions): Promise<ReadSide> {
  const opened = await repository.manifest({ manifest: ref }, options)
  const { entries, contentBytes } = opened.header
  const sketches = await readSketches(repository.store, { manifest: ref, entries, contentBytes }, options)
  return { side: { ref, chunkTable: opened.chunkTable }, contents: await contentsOf(opened), sketches }
}

function finder(old: ReadSide, next: ReadSide): (content: ManifestContent) => PlannedBasis[] {
  const contents = [...old.contents.values()]
  const bases = new BasisFinder(
    contents.map(({ path, size, digest }, ordinal) => ({
      ordinal,
      path,
      size,
      sketch: old.sketches?.sketchOf(digest),
    })),
  )
  return ({ path, size, digest }) =>
    bases
      .candidates({ path, size, sketch: next.sketches?.sketchOf(digest) }, maxCandidates)
      .flatMap(({ ordinal, reason }) => {
        const content = contents[ordinal]
        return content === undefined ? [] : [{ content, reason }]
      })
}
