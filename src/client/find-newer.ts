import { statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { MachineError } from './errors.ts'
import type { HttpFetcher } from './http-fetcher.ts'
import type { Mirror } from './mirror.ts'
import { isMirrorsFault } from './mirrors.ts'
import { readIfThere } from './read-if-there.ts'

/** A repository signs its timestamp anew every day. */
const suspiciousMs = 24 * 3600 * 1000

/**
 * Asks the other mirrors, once a day, when the one that was asked has had no newer timestamp for a day: TUF alone lets
 * a mirror hide what is new until the timestamp expires (specification §5.4.4). What `refreshFrom` gave of the one
 * that had a newer one, which is asked from now on; undefined when none had.
 */
export async function findNewer<T>(
  trustDirectory: string,
  fetcher: Pick<HttpFetcher, 'currentMirror' | 'leave' | 'otherMirrors'>,
  refreshFrom: (mirror: Mirror) => Promise<T>,
): Promise<T | undefined> {
  const timestamp = join(trustDirectory, 'timestamp.json')
  if (fetcher.otherMirrors.length === 0 || !isOld(timestamp)) return undefined
  const before = readIfThere(timestamp)
  for (const other of fetcher.otherMirrors) {
    const found = await unlessItFails(async () => refreshFrom(other))
    const now = readIfThere(timestamp)
    if (found === undefined || before === undefined || now?.equals(before) !== false) continue
    leaveUntil(other, fetcher)
    return found
  }
  // One day more.
  utimesSync(timestamp, new Date(), new Date())
  return undefined
}

/** By this machine's clock, which may have been set back. */
function isOld(path: string): boolean {
  const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0)
  return age > suspiciousMs || age < -suspiciousMs
}

async function unlessItFails<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof MachineError && isMirrorsFault(error)) return undefined
    throw error
  }
}

function leaveUntil(
  other: Mirror,
  fetcher: Pick<HttpFetcher, 'leave' | 'otherMirrors' | 'currentMirror'>,
): void {
  const error = new MachineError('METADATA_STALE', `its metadata is older than that of ${other.baseUrl}`)
  while (fetcher.currentMirror !== other && fetcher.leave(fetcher.currentMirror, error));
}
