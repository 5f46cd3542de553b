import type { BlobReader, CallOptions } from '../../storage/blob-store.ts'
import { mapInOrder } from '../map-in-order.ts'
import { OutcomeTally, type OutcomeGroup } from './outcome-tally.ts'
import type { Evidence } from './judge-release.ts'
import { readShard } from './read-shard.ts'
import { shardDigits } from './shard-document.ts'

/** What all front ends together heard of the machines that went to one release of one channel. */
export interface ReleaseReports {
  readonly release: number
  readonly outcomes: readonly OutcomeGroup[]
  /** About how many reports came of machines that there was no room for. */
  readonly beyond: number
}

const maxReads = 8

/** Throws REPOSITORY_CORRUPT where counts are damaged. */
export async function readReleaseReports(
  store: BlobReader,
  channel: string,
  release: number,
  options: CallOptions = {},
): Promise<ReleaseReports> {
  const [reports] = await readReportsOfReleases(store, channel, [release], options)
  return reports ?? noReports(release)
}

export function noReports(release: number): ReleaseReports {
  return { release, outcomes: [], beyond: 0 }
}

/** In the order of the releases asked for. Throws REPOSITORY_CORRUPT where counts are damaged. */
export async function readReportsOfReleases(
  store: BlobReader,
  channel: string,
  releases: readonly number[],
  options: CallOptions = {},
): Promise<ReleaseReports[]> {
  const tallies = new Map(releases.map((release) => [release, new OutcomeTally()]))
  const read = async (digit: string) => readShard(store, channel, digit, options)
  for await (const stored of mapInOrder(shardDigits, maxReads, read)) {
    for (const heard of stored?.shard.releases ?? []) tallies.get(heard.release)?.merge(heard)
  }
  return [...tallies].map(([release, tally]) => ({
    release,
    outcomes: tally.groups(),
    beyond: tally.beyond,
  }))
}

export interface EvidenceOptions {
  readonly now: Date
  /** How long machines that succeed may take at most, about. */
  readonly settleMinutes: number
  /** Failures that say nothing of the release: those machines count neither way. */
  readonly ignoredCodes: ReadonlySet<string>
}

/** What the reports say of the release's failure rate. */
export function evidenceOf({ outcomes }: ReleaseReports, options: EvidenceOptions): Evidence {
  const { now, settleMinutes, ignoredCodes } = options
  // A minute is over before it counts.
  const newest = now.getTime() / 60_000 - settleMinutes - 1
  let succeeded = 0
  let failed = 0
  let settledFailures = 0
  for (const { outcome, code, machines, minutes } of outcomes) {
    if (outcome === 'ok') succeeded += machines.length
    else if (!ignoredCodes.has(code ?? '')) {
      failed += machines.length
      settledFailures += minutes.filter((minute) => minute <= newest).length
    }
  }
  return { now: { failed, succeeded }, settledFailures }
}
