import type { ChunkRef, ManifestHeader } from '../../manifests/manifest.ts'
import type { Release, ReleaseModule } from '../../manifests/release.ts'
import type { CallOptions } from '../../storage/blob-store.ts'
import type { Repository } from '../repository/repository.ts'
import type { ChunkChecks } from './check-chunks.ts'
import { damageOf, type Damage } from './damage.ts'
import { mending, type Mender } from './mender.ts'

/** A manifest and where it is used: a module's, in the releases in which the module is the same. */
export interface ManifestUse {
  readonly name: string
  readonly module: ReleaseModule
  readonly releases: readonly number[]
}

/** Each manifest once. What a release says of a manifest is part of the key: all that is said must be true. */
export function manifestUsesOf(releases: readonly Release[]): ManifestUse[] {
  const uses = new Map<string, { name: string; module: ReleaseModule; releases: number[] }>()
  for (const { version, modules } of releases) {
    for (const [name, module] of Object.entries(modules)) {
      const { manifest, entries, contentBytes } = module
      const key = [name, manifest.digest, manifest.bytes, entries, contentBytes].join(' ')
      const use = uses.get(key)
      if (use === undefined) uses.set(key, { name, module, releases: [version] })
      else use.releases.push(version)
    }
  }
  return [...uses.values()]
}

/** Reads every manifest to its end and has its chunks checked. Returns those that are whole. */
export async function checkManifests(
  repository: Repository,
  uses: readonly ManifestUse[],
  chunks: ChunkChecks,
  damages: Damage[],
  { signal, mender }: CallOptions & { readonly mender?: Mender | undefined },
): Promise<ManifestUse[]> {
  const readable: ManifestUse[] = []
  for (const use of uses) {
    signal?.throwIfAborted()
    const damage = await mending(
      async () => checkManifest(repository, use, chunks, { signal }),
      (found) => found !== undefined,
      mender && (async () => mender.manifest(use, { signal })),
    )
    if (damage === undefined) readable.push(use)
    else damages.push(damage)
  }
  return readable
}

async function checkManifest(
  repository: Repository,
  use: ManifestUse,
  chunks: ChunkChecks,
  options: CallOptions,
): Promise<Damage | undefined> {
  const touches = [{ module: use.name, releases: use.releases }]
  const damage = { kind: 'manifest', what: `manifest ${use.module.manifest.digest}`, touches } as const
  try {
    const { chunkTable, problem: contradicting } = await readWholeManifest(repository, use, options)
    let problem = contradicting
    for (const chunk of chunkTable) {
      if (!(await chunks.add(chunk))) problem ??= `it gives ${chunk.digest} another size than others do`
    }
    return problem === undefined ? undefined : { ...damage, problem }
  } catch (error) {
    return damageOf(error, damage)
  }
}

/**
 * The chunks of a manifest that was read to its end, where its digest is compared: only then are they worth asking for.
 * `problem`: what the release says of it, and is not so. Throws what is damage.
 */
export async function readWholeManifest(
  repository: Repository,
  use: ManifestUse,
  options: CallOptions,
): Promise<{ readonly chunkTable: readonly ChunkRef[]; readonly problem: string | undefined }> {
  const { header, chunkTable, entries } = await repository.manifest(use.module, options)
  for await (const _ of entries);
  return { chunkTable, problem: contradiction(use, header) }
}

function contradiction({ name, module }: ManifestUse, header: ManifestHeader): string | undefined {
  if (header.module !== name) return `it is that of the module ${header.module}`
  if (header.entries === module.entries && header.contentBytes === module.contentBytes) return undefined
  return 'it has other entries or another size than the release says'
}
