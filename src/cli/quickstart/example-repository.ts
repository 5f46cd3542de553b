import type { CallOptions } from '../../../storage/blob-store.ts'
import { createRepository } from '../../repository/create-repository.ts'
import { RepositoryError } from '../../repository/errors.ts'
import { loadState } from '../../repository/repository-state.ts'
import { Repository } from '../../repository/repository.ts'
import { KeyRing } from '../../trust/key-ring.ts'
import type { CommandContext } from '../command-context.ts'
import { readAllReleases } from '../read-documents.ts'

const labelPrefix = 'Quickstart: '
const step = 10

/** Of the first run. */
export const firstVersion = step

export interface ExampleRepository {
  readonly keys: KeyRing
  /** What the two releases are to be: 10 and 20, or after an earlier run 30 and 40, and so on. */
  readonly versions: readonly [number, number]
}

/** Makes the repository, or goes on with that of an earlier run. Throws REPOSITORY_EXISTS for anyone else's. */
export async function openExampleRepository({
  settings,
  now,
  signal,
}: CommandContext): Promise<ExampleRepository> {
  const { store } = settings
  const keys = new KeyRing(settings.keys)
  await createRepository({ store, keys, now: now(), signal })
  const state = await loadState(store, { signal, trustedRoot: keys.trustedRoot() })
  const latest = await latestVersion(new Repository(store, state), store.name, { signal })
  const first = (Math.floor(latest / step) + 1) * step
  return { keys, versions: [first, first + step] }
}

/** The label of a release that a later run knows for its own. */
export function exampleLabel(title: string): string {
  const label = labelPrefix + title
  return label.length > 200 ? `${label.slice(0, 199)}…` : label
}

/** Machines may follow the channel of a repository that is in use: nothing is published to such a one. */
async function latestVersion(repository: Repository, name: string, options: CallOptions): Promise<number> {
  const releases = await readAllReleases(repository, options)
  const stranger = releases.find(({ label }) => label?.startsWith(labelPrefix) !== true)
  if (stranger === undefined) return releases.at(-1)?.version ?? 0
  throw new RepositoryError(
    'REPOSITORY_EXISTS',
    `${name} holds release ${stranger.version}, which no quickstart published`,
    {
      hint:
        'the quickstart leaves a repository in use alone; give it one of its own: ' +
        'npm run quickstart -- --store file:./example/repository --keys ./example/keys',
    },
  )
}
