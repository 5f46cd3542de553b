import { collectGarbage } from '../../../src/maintenance/gc/collect-garbage.ts'
import { isDamage } from '../../../src/repository/is-damage.ts'
import type { SimulatedProcess } from '../simulated-process.ts'
import type { Stage } from '../stage.ts'

export interface CollectorPlan {
  readonly rounds: number
  readonly keepLast: number | undefined
  readonly sliceKeys: number
  /** Negative: also what is not stored yet is old enough. Safety must not hang on it. */
  readonly graceMs: number
  readonly quarantineMs: number
}

/** Collects garbage, so many times. */
export async function collectAll(
  stage: Stage,
  process: SimulatedProcess,
  { rounds, keepLast, sliceKeys, graceMs, quarantineMs }: CollectorPlan,
): Promise<void> {
  const store = stage.open(process)
  const { commits } = stage.checker
  for (let round = 0; round < rounds; round++) {
    await process.sleep(process.random.below(2_000))
    const before = commits.length
    await stage.attempt(process, { kind: 'collect' }, async () => {
      const context = { store, keys: stage.keys, now: process.now() }
      try {
        await collectGarbage(context, { policy: { keepLast, pins: [] }, graceMs, quarantineMs, sliceKeys })
      } catch (error) {
        // Of a state that was replaced meanwhile, something may be gone.
        const isMoved = isDamage(error) && commits.length > before
        // A mirror that nothing was brought to yet.
        const isMissing = (error as { code?: unknown }).code === 'REPOSITORY_MISSING' && before === 0
        if (!isMoved && !isMissing) throw error
      }
      return 'done'
    })
  }
}
