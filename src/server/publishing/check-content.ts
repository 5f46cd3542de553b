import type { Digest } from '../../../manifests/digest.ts'
import type { Release, ReleaseModule } from '../../../manifests/release.ts'
import type { BlobStore, CallOptions } from '../../../storage/blob-store.ts'
import { DigestMap } from '../../digest-map.ts'
import { isDamage } from '../../repository/is-damage.ts'
import { chunkKey, manifestKey } from '../../repository/layout.ts'
import { listedChunks } from '../../repository/listed-chunks.ts'
import type { Repository } from '../../repository/repository.ts'
import { readSweeps, type Sweep } from '../../repository/sweeps.ts'
import { ProblemError } from '../problem.ts'
import { livingSweeps } from './living-sweeps.ts'
import { missingChunks } from './missing-chunks.ts'

/** More are looked for in a listing of the store, a thousand a request. */
const maxQuestions = 20_000
const maxNamed = 3

/**
 * Whether everything that a release needs lies in the store, beside collectors of garbage: what the state before reaches
 * does while that state is visible; of the rest all is looked up after the sweeps that are under way were. Throws
 * CONTENT_MISSING, and COLLECTION_RUNNING where a collector is about to remove some of it.
 */
export async function checkContent(
  store: BlobStore,
  before: Repository,
  release: Release,
  options: CallOptions,
): Promise<void> {
  const sweeps = await livingSweeps(store, await readSweeps(store, options), options)
  const latest = before.releaseVersions().at(-1)
  const earlier = latest === undefined ? {} : (await before.release(latest, options)).modules
  const reached = new Set(Object.values(earlier).map(({ manifest }) => manifest.digest))
  const fresh = Object.entries(release.modules).filter(([, { manifest }]) => !reached.has(manifest.digest))
  if (fresh.length === 0) return
  const known = await chunksOf(
    before,
    fresh.flatMap(([name]) => earlier[name] ?? []),
    options,
  )
  const needed = await neededChunks(before, fresh, known, options)
  refuseSwept(sweeps, [
    ...fresh.map(([, { manifest }]) => manifestKey(manifest.digest)),
    ...needed.map(chunkKey),
  ])
  const missing = await lookUp(store, needed, options)
  if (missing.length > 0) throw contentMissing(missing)
}

async function chunksOf(
  repository: Repository,
  modules: readonly ReleaseModule[],
  options: CallOptions,
): Promise<DigestMap> {
  const chunks = new DigestMap()
  for (const module of modules) {
    try {
      const { chunkTable, close } = await repository.manifest(module, options)
      for (const { digest } of chunkTable) chunks.add(digest)
      await close()
    } catch (error) {
      // An earlier release that is damaged only means that more is looked up.
      if (!isDamage(error)) throw error
    }
  }
  return chunks
}

/** The chunks that the manifests name and `known` has not, each once. Every manifest is read to its end. */
async function neededChunks(
  repository: Repository,
  modules: readonly (readonly [string, ReleaseModule])[],
  known: DigestMap,
  options: CallOptions,
): Promise<Digest[]> {
  const needed: Digest[] = []
  for (const [name, module] of modules) {
    try {
      const { header, chunkTable, entries } = await repository.manifest(module, options)
      for (const { digest } of chunkTable) if (known.add(digest)) needed.push(digest)
      for await (const _ of entries);
      refuseOtherTotals(name, module, header)
    } catch (error) {
      if (!isDamage(error)) throw error
      const detail = `the manifest of module ${name}, ${module.manifest.digest}, is not there, or not whole`
      throw new ProblemError('CONTENT_MISSING', detail)
    }
  }
  return needed
}

function refuseOtherTotals(
  name: string,
  { entries, contentBytes }: ReleaseModule,
  header: { readonly entries: number; readonly contentBytes: number },
): void {
  if (entries === header.entries && contentBytes === header.contentBytes) return
  throw new ProblemError(
    'METADATA_REFUSED',
    `the release says that module ${name} has ${entries} entries and ${contentBytes} bytes; its manifest has ${header.entries} and ${header.contentBytes}`,
  )
}

function refuseSwept(sweeps: readonly Sweep[], keys: readonly string[]): void {
  if (!keys.some((key) => sweeps.some((sweep) => sweep.has(key)))) return
  const detail =
    'a garbage collection is removing what the release needs; ask again, then send what is missing'
  throw new ProblemError('COLLECTION_RUNNING', detail)
}

async function lookUp(store: BlobStore, needed: readonly Digest[], options: CallOptions): Promise<Digest[]> {
  if (needed.length <= maxQuestions) return missingChunks(store, needed, options)
  const listed = await listedChunks(store, options)
  return needed.filter((digest) => !listed.has(digest))
}

function contentMissing(missing: readonly Digest[]): ProblemError {
  const named = missing.slice(0, maxNamed).join(', ')
  const more = missing.length > maxNamed ? ` and ${missing.length - maxNamed} more` : ''
  return new ProblemError('CONTENT_MISSING', `chunks are missing: ${named}${more}`)
}
