import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { FilesystemStore } from '../storage/filesystem-store.ts'
import { manifestKey, metadataKey, packKey, timestampKey } from '../src/repository/layout.ts'
import { loadState } from '../src/repository/repository-state.ts'
import { Repository } from '../src/repository/repository.ts'

export type StepKind = 'absent root' | 'timestamp' | 'metadata' | 'pack' | 'manifest' | 'chunk'

/** One request, and what its answer has to be. */
export interface Step {
  readonly kind: StepKind
  readonly path: string
  readonly status: number
  /** Undefined where the length is the server's to choose: of a problem document. */
  readonly bytes: number | undefined
}

/** What a machine asks for, as src/client does: a check, then what it lacks of the release. */
export interface Plan {
  /** One after the other, on one connection. */
  readonly first: readonly Step[]
  /** Then these, on several. */
  readonly rest: readonly Step[]
}

export interface Plans {
  readonly byPack: Plan
  readonly byChunks: Plan
}

/** Of an update from release 1 to release 2 of the module `system`, whose new chunks are those that were not there before. */
export async function planUpdate(directory: string, chunksBefore: ReadonlySet<string>): Promise<Plans> {
  await using store = new FilesystemStore(directory)
  const state = await loadState(store)
  const repository = new Repository(store, state)
  const [old, next] = await Promise.all([1, 2].map(async (version) => repository.release(version)))
  const [from, to] = [old, next].map((release) => release?.modules['system']?.manifest.digest)
  if (from === undefined || to === undefined) throw new Error('releases 1 and 2 have no module "system"')
  const stored = async (kind: StepKind, key: string): Promise<Step> => {
    const { size } = await stat(join(directory, key))
    return { kind, path: `/${key}`, status: 200, bytes: size }
  }
  const { root, snapshot, releases, channels } = state
  const nextRoot = metadataKey('root', root.metadata.signed.version + 1)
  const check = [
    { kind: 'absent root', path: `/${nextRoot}`, status: 404, bytes: undefined } as const,
    await stored('timestamp', timestampKey),
    await stored('metadata', metadataKey('snapshot', snapshot.metadata.signed.version)),
    await stored('metadata', metadataKey('releases', releases.metadata.signed.version)),
    await stored('metadata', metadataKey('channels', channels.metadata.signed.version)),
  ]
  const chunks = (await chunkKeys(directory)).filter((key) => !chunksBefore.has(key))
  return {
    byPack: { first: [...check, await stored('pack', packKey(from, to))], rest: [] },
    byChunks: {
      first: [...check, await stored('manifest', manifestKey(to))],
      rest: await Promise.all(chunks.map(async (key) => stored('chunk', key))),
    },
  }
}

export async function chunkKeys(directory: string): Promise<string[]> {
  const names = await readdir(join(directory, 'chunks'), { recursive: true })
  return names.filter((name) => name.endsWith('.cacnk')).map((name) => `chunks/${name}`)
}
