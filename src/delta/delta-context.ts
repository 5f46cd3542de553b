import { LearnedShifts } from './learned-shifts.ts'
import { LearnedValues } from './learned-values.ts'

/**
 * What one delta teaches about the next, where contents were built together: all modules of a kernel refer to the
 * same types of that kernel, and to the same checksums of its symbols. Encoder and decoder carry one through the same
 * deltas in the same order, each to its end; whoever starts with a new one gets deltas that stand for themselves.
 * It grows to 4 MiB and no further.
 */
export class DeltaContext {
  /** Of type ids of a BTF base that the content does not hold. */
  readonly baseTypes = new LearnedShifts()
  /** Of string offsets of such a base. */
  readonly baseStrings = new LearnedShifts()
  /** Of checksums of exported symbols. */
  readonly checksums = new LearnedValues()
}
