import type { Channel } from '../../manifests/channel.ts'
import type { BlobReader, CallOptions } from '../../storage/blob-store.ts'
import { noReports, readReportsOfReleases, type ReleaseReports } from './release-reports.ts'

/** What is known of a channel's machines from their reports. */
export interface ChannelReports {
  readonly current: ReleaseReports
  /** Of the release that the channel pointed to before. */
  readonly previous: ReleaseReports | undefined
  /** How many machines came to the channel's release, of how many that ever reported of either. */
  readonly moved: number
  readonly known: number
}

export async function readChannelReports(
  store: BlobReader,
  { channel, version, previous }: Channel,
  options: CallOptions = {},
): Promise<ChannelReports> {
  const releases = previous === undefined ? [version] : [version, previous]
  const [current = noReports(version), before] = await readReportsOfReleases(
    store,
    channel,
    releases,
    options,
  )
  const known = new Set<number>()
  let moved = 0
  for (const { outcome, machines } of current.outcomes) {
    if (outcome === 'ok') moved += machines.length
    for (const machine of machines) known.add(machine)
  }
  for (const { machines } of before?.outcomes ?? []) for (const machine of machines) known.add(machine)
  return { current, previous: before, moved, known: known.size }
}
