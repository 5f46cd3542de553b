import { undoCollection } from '../../../src/maintenance/gc/undo-collection.ts'
import type { SimulatedProcess } from '../simulated-process.ts'
import type { Stage } from '../stage.ts'

/** Takes the last collection back, so many times: lists again the releases that it retired. */
export async function undoAll(stage: Stage, process: SimulatedProcess, rounds: number): Promise<void> {
  const store = stage.open(process)
  for (let round = 0; round < rounds; round++) {
    await process.sleep(process.random.below(3_000))
    await stage.attempt(process, { kind: 'undo' }, async () => {
      const { releases } = await undoCollection({ store, keys: stage.keys, now: process.now() }, undefined)
      return releases.length > 0 ? 'done' : 'found'
    })
  }
}
