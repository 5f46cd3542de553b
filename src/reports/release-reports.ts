import { FormatError } from '../../manifests/errors.ts'
import type { BlobReader, CallOptions } from '../../storage/blob-store.ts'
import { RepositoryError } from '../repository/errors.ts'
import { readBlob } from '../repository/read-blob.ts'
import { OutcomeTally, type OutcomeGroup } from './outcome-tally.ts'
import type { Evidence } from './judge-release.ts'
import { decodeTally, tallyPrefix } from './tally-document.ts'

/** What all front ends together heard of the machines that went to one release of one channel. */
export interface ReleaseReports {
  readonly release: number
  readonly outcomes: readonly OutcomeGroup[]
  /** How many reports came of machines that there was no room for. */
  readonly beyond: number
}

/** Throws REPOSITORY_CORRUPT where a front end's counts are damaged. */
export async function readReleaseReports(
  store: BlobReader,
  channel: string,
  release: number,
  options: CallOptions = {},
): Promise<ReleaseReports> {
  const tally = new OutcomeTally()
  for await (const { key } of store.list(tallyPrefix(channel, release), options)) {
    const blob = await readBlob(store, key, options)
    if (blob === undefined) continue
    try {
      tally.merge(decodeTally(blob.bytes))
    } catch (cause) {
      if (!(cause instanceof FormatError)) throw cause
      throw new RepositoryError('REPOSITORY_CORRUPT', `${store.name}: ${key}: ${cause.message}`, {
        hint: 'delete it: the counts of one server process are lost with it',
        cause,
      })
    }
  }
  return { release, outcomes: tally.groups(), beyond: tally.beyond }
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
