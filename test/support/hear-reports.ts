import type { BlobStore } from '../../storage/blob-store.ts'
import { joinShard } from '../../src/reports/join-shard.ts'
import { OutcomeTally } from '../../src/reports/outcome-tally.ts'
import { shardDigitOf, shardDigits } from '../../src/reports/shard-document.ts'
import type { MachineOutcome } from '../../src/reports/update-report.ts'

export interface HeardMachines {
  readonly channel: string
  readonly release: number
  readonly machines: Iterable<number>
  readonly outcome: MachineOutcome
  /** Since 1970, in which all of them were heard. */
  readonly minute: number
}

/** Stores what a front end would that heard the same of so many machines. */
export async function hearReports(
  store: BlobStore,
  { channel, release, machines, outcome, minute }: HeardMachines,
): Promise<void> {
  const tallies = new Map(shardDigits.map((digit) => [digit, new OutcomeTally()] as const))
  for (const machine of machines) tallies.get(shardDigitOf(machine))?.note(machine, outcome, minute)
  for (const [digit, tally] of tallies) {
    if (tally.size === 0) continue
    const news = { channel, digit, releases: new Map([[release, tally]]) }
    await joinShard(news, { store, minute, wanted: undefined })
  }
}
