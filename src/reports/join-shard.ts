import type { BlobInfo, BlobStore } from '../../storage/blob-store.ts'
import { BlobChangedError, BlobExistsError } from '../../storage/errors.ts'
import { OutcomeTally } from './outcome-tally.ts'
import { readShard } from './read-shard.ts'
import { encodeShard, shardKey, type ReleaseTally, type ReportShard } from './shard-document.ts'

/** What one process heard lately of the machines of one shard. */
export interface ShardNews {
  readonly channel: string
  readonly digit: string
  /** By release. */
  readonly releases: ReadonlyMap<number, OutcomeTally>
}

export interface JoinContext {
  readonly store: BlobStore
  /** The releases that the channel sends machines to; undefined where that cannot be known. */
  readonly wanted: ReadonlySet<number> | undefined
  /** Of now, since 1970. */
  readonly minute: number
}

/** For each release, and so sixteen times as many in all: about 0.3 MB in the store. */
const maxMachines = 16_384

/** How long the counts of a release stay after the channel sends no machine to it any more, from the last report on. */
const keptMinutes = 24 * 60

/** Whoever loses to another front end tries again; so often only if the store is at fault. */
const maxTries = 32

/**
 * Adds what was heard to what all front ends have stored, and lets go of releases that no machine is sent to any more.
 * Nothing is ever written but in the place of what was read, so that no front end undoes what another has stored; and
 * as nothing counts twice, whoever does not learn how it ended does it again. Throws REPOSITORY_CORRUPT, and a
 * StoreError when it is not certain to be stored.
 */
export async function joinShard(news: ShardNews, context: JoinContext): Promise<void> {
  for (let tries = 1; ; tries++) {
    const stored = await readShard(context.store, news.channel, news.digit)
    const shard = joined(stored?.shard, news, context)
    if (shard === undefined) return
    try {
      await writeShard(shard, news.digit, stored?.info, context.store)
      return
    } catch (error) {
      const isLost = error instanceof BlobChangedError || error instanceof BlobExistsError
      if (!isLost || tries === maxTries) throw error
    }
  }
}

async function writeShard(
  shard: ReportShard,
  digit: string,
  before: BlobInfo | undefined,
  store: BlobStore,
): Promise<void> {
  const key = shardKey(shard.channel, digit)
  const bytes = Buffer.from(encodeShard(shard))
  const options = { contentType: 'application/json' }
  if (before === undefined) await store.create(key, bytes, options)
  else await store.replace(key, bytes, before.etag, options)
}

/** Undefined when that is what is stored already. */
function joined(
  stored: ReportShard | undefined,
  { channel, releases: news }: ShardNews,
  { wanted, minute }: JoinContext,
): ReportShard | undefined {
  const before = new Map(stored?.releases.map((tally) => [tally.release, tally]))
  const changed = new Map<number, ReleaseTally>()
  for (const [release, heard] of news) {
    const tally = joinedTally(before.get(release), { release, heard, minute })
    if (tally !== undefined) changed.set(release, tally)
  }
  const kept = [...before.values()].filter(
    ({ release, heard }) =>
      news.has(release) || wanted === undefined || wanted.has(release) || heard + keptMinutes > minute,
  )
  if (changed.size === 0 && kept.length === before.size) return undefined
  const releases = [
    ...new Map([...kept.map((tally) => [tally.release, tally] as const), ...changed]).values(),
  ]
  return { channel, releases: releases.sort((a, b) => a.release - b.release) }
}

/** Undefined when all of it is stored already, and that was not long ago. */
function joinedTally(
  before: ReleaseTally | undefined,
  {
    release,
    heard,
    minute,
  }: { readonly release: number; readonly heard: OutcomeTally; readonly minute: number },
): ReleaseTally | undefined {
  const tally = new OutcomeTally(maxMachines)
  if (before !== undefined) tally.merge(before)
  const isNews = tally.merge({ outcomes: heard.groups(), beyond: heard.beyond })
  // What is reported again is wanted again: whoever does not know yet must not find it old.
  if (before !== undefined && !isNews && before.heard + keptMinutes / 2 > minute) return undefined
  const latest = Math.max(minute, before?.heard ?? 0)
  return { release, heard: latest, outcomes: tally.groups(), beyond: tally.beyond }
}
