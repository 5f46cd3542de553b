import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { BlobStore } from '../../storage/blob-store.ts'
import { encodePackHeader, packMemory } from '../pack/pack-header.ts'
import { immutableCaching, packKey } from '../repository/layout.ts'
import type { Repository } from '../repository/repository.ts'
import { inSpan } from '../tracing/in-span.ts'
import { makePack, type MadePack, type PackProgress } from './make-pack.ts'
import type { TreePath } from '../../manifests/tree-path.ts'
import type { BasisFile } from './pack-messages.ts'
import { planPack, type ManifestRef, type PackPlan } from './plan-pack.ts'

export interface PackRequest {
  readonly repository: Repository
  readonly from: ManifestRef | undefined
  readonly to: ManifestRef
  /** A directory where deltas are kept from one pack to the next; the caller's to remove. */
  readonly cache?: string | undefined
  /** Default: as many as there are processors. */
  readonly threads?: number | undefined
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: PackProgress) => void) | undefined
}

export interface BuiltPack {
  readonly key: string
  /** As it lies in the store. */
  readonly bytes: number
  /** False: it was there already, and nothing is known of its contents. */
  readonly isNew: boolean
  readonly contents: readonly PackedContent[]
  /** Of the new manifest itself, of the pack's bytes, about. */
  readonly manifestBytes: number
  /** What a machine holds of the pack while it applies it, in bytes. */
  readonly memoryBytes: number
  /** How long it took here to apply what was made. */
  readonly applyMs: number
}

/** How one content of a pack is made. */
export interface PackedContent {
  /** The first that has it. */
  readonly path: TreePath
  readonly size: number
  /** About what it takes of the pack. */
  readonly estimatedBytes: number
  readonly isPredicted: boolean
  /** Empty: it is sent whole. */
  readonly bases: readonly { readonly path: TreePath; readonly reason: BasisFile['reason'] }[]
}

/**
 * Makes a pack and stores it, unless it is there. Whoever else does the same at the same time stores the same bytes.
 */
export async function ensurePack(store: BlobStore, request: PackRequest): Promise<BuiltPack> {
  const { from, to, signal } = request
  const key = packKey(from?.digest, to.digest)
  const there = await store.stat(key, { signal })
  if (there !== undefined) return { ...nothingKnown, key, bytes: there.bytes, isNew: false }
  return withPack(request, async (pack, plan, scratch) => {
    const path = join(scratch, 'pack')
    await pipeline(Readable.from(piecesOf(pack)), createWriteStream(path))
    const built = describe(request, pack, plan)
    const body = { path, bytes: built.bytes }
    await inSpan('pack store', { attributes: { 'vend.pack.bytes': built.bytes } }, async () =>
      store.put(key, body, {
        signal,
        contentType: 'application/octet-stream',
        cacheControl: immutableCaching,
      }),
    )
    return built
  })
}

/** What `ensurePack` would store, without storing it. */
export async function previewPack(request: PackRequest): Promise<BuiltPack> {
  return withPack(request, (pack, plan) => Promise.resolve(describe(request, pack, plan)))
}

const nothingKnown = { contents: [], manifestBytes: 0, memoryBytes: 0, applyMs: 0 }

async function withPack(
  request: PackRequest,
  use: (pack: MadePack, plan: PackPlan, scratch: string) => Promise<BuiltPack>,
): Promise<BuiltPack> {
  const { repository, from, to, signal, threads, cache, onProgress } = request
  const scratch = await mkdtemp(join(tmpdir(), 'vend-pack-'))
  try {
    const plan = await inSpan('pack plan', {}, async () => planPack(repository, from, to, { signal }))
    const pack = await inSpan(
      'pack make',
      { attributes: { 'vend.pack.contents': plan.contents.length } },
      async () => makePack(repository, plan, { scratch, cache, threads, signal, onProgress }),
    )
    return await use(pack, plan, scratch)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

function describe({ from, to }: PackRequest, pack: MadePack, plan: PackPlan): BuiltPack {
  const planned = new Map(plan.contents.map((one) => [one.content.position, one]))
  const made = pack.contents.filter(({ what }) => what === 'content')
  const contents = made.flatMap((content): PackedContent[] => {
    const one = planned.get(content.position)
    if (one === undefined) return []
    const pathOf = new Map(one.candidates.map((basis) => [basis.content.position, basis.content.path]))
    return [
      {
        path: one.content.path,
        size: content.size,
        estimatedBytes: content.estimatedBytes,
        isPredicted: content.isPredicted,
        bases: content.bases.flatMap(({ position, reason }) => {
          const path = pathOf.get(position)
          return path === undefined ? [] : [{ path, reason }]
        }),
      },
    ]
  })
  return {
    key: packKey(from?.digest, to.digest),
    bytes: piecesOf(pack).reduce((sum, piece) => sum + piece.length, 0),
    isNew: true,
    contents,
    manifestBytes: pack.contents.find(({ what }) => what === 'manifest')?.estimatedBytes ?? 0,
    memoryBytes: packMemory(pack.header),
    applyMs: pack.contents.reduce((sum, { applyMs }) => sum + applyMs, 0),
  }
}

function piecesOf(pack: MadePack): Uint8Array[] {
  return [encodePackHeader(pack.header), ...pack.groups.map(({ bytes }) => bytes)]
}
