import type { BlobReader } from '../../../storage/blob-store.ts'
import { logHeadOf, logReader } from '../../repository/repository-log.ts'
import type { RepositoryState } from '../../repository/repository-state.ts'
import { LogError } from '../../transparency/errors.ts'
import { LogEdge } from '../../transparency/log-edge.ts'
import type { CommitRequest } from './commit-request.ts'

/**
 * Whether a commit was visible once, though others have followed: its answer was lost. The log tells: it leads through
 * the very head that the commit signed, which only the entries of its own documents make. One without documents is as
 * good as done when a later state has all that it signed anew.
 */
export async function wasVisible(
  store: BlobReader,
  now: RepositoryState,
  after: RepositoryState,
  { objects }: CommitRequest,
): Promise<boolean> {
  if (now.timestamp.metadata.signed.version < after.timestamp.metadata.signed.version) return false
  if (!objects.keys().some((key) => key.startsWith('tuf/targets/'))) {
    return now.releases.bytes.equals(after.releases.bytes) && now.channels.bytes.equals(after.channels.bytes)
  }
  const [head, current] = [logHeadOf(after), logHeadOf(now)]
  if (head === undefined || current?.origin !== head.origin || current.size < head.size) return false
  try {
    await LogEdge.read(head, logReader(store, {}))
    return true
  } catch (error) {
    if (error instanceof LogError) return false
    throw error
  }
}
