import type { LostPack } from './lost-packs.ts'
import type { KeptRelease } from './retention.ts'
import type { Tally } from './tally.ts'

/** What a collection did, or would do. */
export interface CollectionReport {
  /** Undefined: it condemned and retired nothing. Of a dry run always. */
  readonly run: string | undefined
  readonly isDryRun: boolean
  readonly kept: readonly KeptRelease[]
  /** Taken off the list, or to be. */
  readonly retired: readonly number[]
  /** Why releases that were to be retired still are listed. */
  readonly retiredNot: string | undefined
  readonly reachable: { readonly manifests: number; readonly chunks: number }
  /** Put into quarantine now. */
  readonly condemned: Tally
  /** In quarantine from before, and not yet for long enough. */
  readonly waiting: Tally
  /** Garbage that is younger than the grace time, or than a publish that is under way. */
  readonly young: Tally
  /** Deleted. */
  readonly swept: Tally
  readonly lostPacks: readonly LostPack[]
  /** Packs that are lost too, and are not in the list. */
  readonly moreLostPacks: number
  /** At most 100. */
  readonly failed: readonly { readonly key: string; readonly problem: string }[]
  readonly failures: number
  readonly publishesUnderWay: number
  readonly deadLeases: number
  /** Documents of sweeps that did not come to their end, removed now that nothing of them can take effect. */
  readonly deadSweeps: number
  /** Sweeps, also of others, whose deletes may be carried out once more: their documents stay until a later collection. */
  readonly openSweeps: number
  readonly fences: number
}
