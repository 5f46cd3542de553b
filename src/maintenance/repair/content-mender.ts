import { digestFromHex, digestOf, type Digest } from '../../../manifests/digest.ts'
import type { ChunkRef } from '../../../manifests/manifest.ts'
import { isDamage } from '../../repository/is-damage.ts'
import { chunkKey, manifestKey, targetKey } from '../../repository/layout.ts'
import { readBlob } from '../../repository/read-blob.ts'
import { listedIn } from '../../repository/repository-log.ts'
import { Repository } from '../../repository/repository.ts'
import type { RepositoryState } from '../../repository/repository-state.ts'
import { readWholeManifest, type ManifestUse } from '../check-manifests.ts'
import { packProblem } from '../check-packs.ts'
import type { Mender } from '../mender.ts'
import { fetchChunk } from '../mirror/copy-contents.ts'
import { packTarget } from '../mirror/copy-packs.ts'
import { readerOf, type Scratch, type Spooled } from '../mirror/scratch.ts'
import { fromSources, putMended, type MendingContext } from './mending.ts'

/** A pack that is larger than what it makes is of no use. */
const roomBytes = 1 << 20

/** Fetches what is damaged or missing from other copies, and looks at it before it takes its place. */
export class ContentMender implements Mender {
  readonly #context: MendingContext
  readonly #state: RepositoryState
  readonly #scratch: Scratch
  #contentBytes: Promise<ReadonlyMap<Digest, number>> | undefined

  constructor(context: MendingContext, state: RepositoryState, scratch: Scratch) {
    this.#context = context
    this.#state = state
    this.#scratch = scratch
  }

  async document(path: string): Promise<boolean> {
    const target = listedIn(this.#state)[path]
    return target !== undefined && this.storedDocument(path, digestFromHex(target.hashes['sha256'] ?? ''))
  }

  /** Of whatever document, listed or not. */
  async storedDocument(path: string, digest: Digest): Promise<boolean> {
    const what = targetKey(path, digest)
    const fetched = await fromSources(this.#context, async (source) => {
      const bytes = (await readBlob(source, what, this.#context))?.bytes
      return bytes !== undefined && digestOf(bytes) === digest ? bytes : undefined
    })
    if (fetched === undefined) return false
    await putMended(this.#context, { kind: 'document', what, from: fetched.from }, fetched.found)
    return true
  }

  async manifest(use: ManifestUse): Promise<boolean> {
    const { digest, bytes } = use.module.manifest
    const what = manifestKey(digest)
    const fetched = await fromSources(this.#context, async (source) => {
      const maxBytes = bytes + Math.ceil(bytes / 128) + 1024
      const spooled = await this.#scratch.spool(source, what, { signal: this.#context.signal, maxBytes })
      const repository = new Repository(readerOf(spooled, source.name), this.#state)
      const { problem } = await readWholeManifest(repository, use, this.#context)
      return problem === undefined ? spooled : undefined
    })
    if (fetched === undefined) return false
    await this.#putFile({ kind: 'manifest', what, from: fetched.from }, fetched.found)
    return true
  }

  async chunk(chunk: ChunkRef): Promise<boolean> {
    const what = chunkKey(chunk.digest)
    const fetched = await fromSources(this.#context, async (source) =>
      fetchChunk(source, chunk, this.#context),
    )
    if (fetched === undefined) return false
    await putMended(this.#context, { kind: 'chunk', what, from: fetched.from }, fetched.found)
    return true
  }

  async pack(what: string): Promise<boolean> {
    const to = packTarget(what)
    const contentBytes = to === undefined ? undefined : (await this.#contentSizes()).get(to)
    const fetched =
      contentBytes === undefined
        ? undefined
        : await fromSources(this.#context, async (source) => {
            const maxBytes = 2 * contentBytes + roomBytes
            const spooled = await this.#scratch.spool(source, what, {
              signal: this.#context.signal,
              maxBytes,
            })
            const problem = await packProblem(readerOf(spooled, source.name), what, this.#context)
            return problem === undefined ? spooled : undefined
          })
    if (fetched !== undefined) {
      await this.#putFile({ kind: 'pack', what, from: fetched.from }, fetched.found)
    } else {
      await this.#context.store.delete(what, { signal: this.#context.signal })
      this.#context.onMended({ kind: 'pack', what, from: undefined })
    }
    return true
  }

  async #putFile(mended: Parameters<typeof putMended>[1], file: Spooled): Promise<void> {
    await putMended(this.#context, mended, file)
    await this.#scratch.remove(file)
  }

  /** Of every manifest that a readable release names. */
  #contentSizes(): Promise<ReadonlyMap<Digest, number>> {
    this.#contentBytes ??= this.#readContentSizes()
    return this.#contentBytes
  }

  async #readContentSizes(): Promise<ReadonlyMap<Digest, number>> {
    const repository = new Repository(this.#context.store, this.#state)
    const sizes = new Map<Digest, number>()
    for (const version of repository.releaseVersions()) {
      try {
        const { modules } = await repository.release(version, this.#context)
        for (const { manifest, contentBytes } of Object.values(modules))
          sizes.set(manifest.digest, contentBytes)
      } catch (error) {
        if (!isDamage(error)) throw error
      }
    }
    return sizes
  }
}
