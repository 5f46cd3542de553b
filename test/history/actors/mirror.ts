import { mirrorRepository } from '../../../src/maintenance/mirror/mirror-repository.ts'
import { isTransient } from '../../../storage/backoff.ts'
import type { SimulatedProcess } from '../simulated-process.ts'
import type { Stage } from '../stage.ts'

/** Too much goes on; or a publisher died before it had written the log, which the next commit makes up for. */
const mayBe: ReadonlySet<string> = new Set(['MIRROR_UNSETTLED', 'LOG_INVALID'])

/** Brings the other site to the state of the first, so many times. */
export async function mirrorAll(
  source: Stage,
  destination: Stage,
  process: SimulatedProcess,
  rounds: number,
): Promise<void> {
  const reader = source.open(process)
  const store = destination.open(process)
  for (let round = 0; round < rounds; round++) {
    await process.sleep(process.random.below(6_000))
    try {
      await mirrorRepository({ reader, canList: true }, store, {
        now: process.now,
        trustedRoot: source.keys.trustedRoot(),
        onNote: (note) => process.world.note(`${process.name}: ${note}`),
      })
      process.world.note(`${process.name} is done`)
    } catch (error) {
      if (!isTransient(error) && !mayBe.has(String((error as { code?: unknown }).code))) throw error
    }
  }
}
