import { verifyRepository } from '../../../src/maintenance/verify-repository.ts'
import { isTransient } from '../../../storage/backoff.ts'
import type { SimulatedProcess } from '../simulated-process.ts'
import { Violation } from '../violation.ts'
import type { Stage } from '../stage.ts'

/** Verifies all there is, so many times. Throws a Violation for damage, as nobody damages anything here. */
export async function scrubAll(stage: Stage, process: SimulatedProcess, rounds: number): Promise<void> {
  const store = stage.open(process)
  for (let round = 0; round < rounds; round++) {
    await process.sleep(process.random.below(8_000))
    try {
      const { damages } = await verifyRepository(store, {
        now: process.now(),
        trustedRoot: stage.keys.trustedRoot(),
      })
      const [first] = damages
      if (first !== undefined) throw new Violation(`a scrubber finds damage: ${first.what}: ${first.problem}`)
    } catch (error) {
      if (!isTransient(error)) throw error
    }
  }
}
