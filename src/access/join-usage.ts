import { FormatError } from '../../manifests/errors.ts'
import type { BlobStore } from '../../storage/blob-store.ts'
import { BlobChangedError, BlobExistsError } from '../../storage/errors.ts'
import { RepositoryError } from '../repository/errors.ts'
import { readBlob, type ReadBlob } from '../repository/read-blob.ts'
import { decodeUsage, encodeUsage, usageKey, type UsageDay } from './usage-document.ts'

export interface OwnUsage {
  readonly subject: string
  readonly day: string
  /** The process that counted. */
  readonly counter: string
  readonly bytes: number
}

/** Whoever loses to another process tries again; so often only if the store is at fault. */
const maxTries = 32

/**
 * Stores what one process counted beside what others did, each under a name of its own, where it only grows (a G-counter:
 * Shapiro et al., "Conflict-free Replicated Data Types", 2011): nothing is counted twice, however often it is stored.
 * Gives all that is known of the later one of both days. Throws REPOSITORY_CORRUPT or a StoreError.
 */
export async function joinUsage(store: BlobStore, own: OwnUsage): Promise<UsageDay> {
  const key = usageKey(own.subject)
  for (let tries = 1; ; tries++) {
    const blob = await readBlob(store, key)
    const stored = blob && decoded(blob, store, key)
    const joined = joinedDay(stored, own)
    if (joined === stored) return joined
    if (joined.counts.size === 0) return joined
    const bytes = Buffer.from(encodeUsage(joined))
    const options = { contentType: 'application/json' }
    try {
      if (blob === undefined) await store.create(key, bytes, options)
      else await store.replace(key, bytes, blob.info.etag, options)
      return joined
    } catch (error) {
      const isLost = error instanceof BlobChangedError || error instanceof BlobExistsError
      if (!isLost || tries === maxTries) throw error
    }
  }
}

function joinedDay(stored: UsageDay | undefined, { subject, day, counter, bytes }: OwnUsage): UsageDay {
  if (stored !== undefined && stored.day > day && stored.day <= dayAfter(day)) return stored
  const isOfToday = stored?.day === day
  const before = isOfToday ? (stored.counts.get(counter) ?? 0) : 0
  if (isOfToday && bytes <= before) return stored
  const counts = new Map(isOfToday ? stored.counts : [])
  if (bytes > 0) counts.set(counter, bytes)
  return { subject, day, counts }
}

/** Whose clock is further ahead than that is wrong, and is not to lock anyone out until then. */
function dayAfter(day: string): string {
  return new Date(Date.parse(day) + 86_400_000).toISOString().slice(0, 10)
}

function decoded({ bytes }: ReadBlob, store: BlobStore, key: string): UsageDay {
  try {
    return decodeUsage(bytes)
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause
    throw new RepositoryError('REPOSITORY_CORRUPT', `${store.name}: ${key}: ${cause.message}`, {
      hint: 'delete it: what one principal took today is forgotten with it',
      cause,
    })
  }
}
