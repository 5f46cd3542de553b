import type { KeyRing } from '../trust/key-ring.ts'
import type { RepositoryState } from '../repository/repository-state.ts'
import type { Repository } from '../repository/repository.ts'
import type { CommandContext } from './command-context.ts'
import { openKeyRing } from './open-key-ring.ts'

export interface OpenedRepository {
  readonly repository: Repository
  readonly state: RepositoryState
  readonly keys: KeyRing
}

/**
 * The repository as it is now. When the key directory is there, it must be the one that its root belongs to;
 * reading needs no keys.
 */
export async function openRepository(context: CommandContext): Promise<OpenedRepository> {
  const { loadState } = await import('../repository/repository-state.ts')
  const { Repository } = await import('../repository/repository.ts')
  const { settings, signal } = context
  const keys = openKeyRing(context)
  const state = await loadState(settings.store, { signal, trustedRoot: keys.trustedRoot() })
  return { repository: new Repository(settings.store, state), state, keys }
}
