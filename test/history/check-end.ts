import { auditLog } from '../../src/maintenance/audit-log.ts'
import { verifyRepository } from '../../src/maintenance/verify-repository.ts'
import { collectAll } from './actors/collector.ts'
import { refreshAll } from './actors/channel-mover.ts'
import { mirrorAll } from './actors/mirror.ts'
import { noFaults } from './faults.ts'
import type { SimulatedProcess } from './simulated-process.ts'
import type { Stage } from './stage.ts'
import { Violation } from './violation.ts'
import type { World } from './world.ts'

const hourMs = 3_600_000

/** What may be there only if something reachable needs it. */
const collected =
  /^(?:chunks|manifests|packs|private\/sketches|private\/sweeps|private\/publishes|private\/quarantine)\//

/**
 * When all is over and every time has run out: nothing is damaged, the log is whole, a mirror comes to the same state,
 * and a last collection leaves nothing that is not needed. Throws a Violation.
 */
export async function checkEnd(world: World, stage: Stage, mirror: Stage | undefined): Promise<void> {
  world.chances = noFaults
  world.now += 24 * hourMs
  world.spawn('last', async (process) => {
    await refreshAll(stage, process, 1)
    await collectTwice(stage, process)
    await checkWhole(stage, process)
    if (mirror === undefined) return
    await mirrorAll(stage, mirror, process, 1)
    await collectTwice(mirror, process)
    await checkWhole(mirror, process)
  })
  await world.run()
  for (const one of mirror === undefined ? [stage] : [stage, mirror]) refuseLeftovers(one)
  const [shown, expected] = [mirror?.checker.visible?.timestamp, stage.checker.visible?.timestamp]
  if (mirror !== undefined && shown !== expected) {
    throw new Violation(`in the end the mirror shows timestamp ${shown}, and its source ${expected}`)
  }
}

/** Once more, when the time is over for which the first leaves what it did in the store. */
async function collectTwice(stage: Stage, process: SimulatedProcess): Promise<void> {
  const plan = { rounds: 1, keepLast: undefined, sliceKeys: 100, graceMs: 0, quarantineMs: 0 }
  await process.sleep(hourMs)
  await collectAll(stage, process, plan)
  await process.sleep(hourMs)
  await collectAll(stage, process, plan)
}

async function checkWhole(stage: Stage, process: SimulatedProcess): Promise<void> {
  const store = stage.open(process)
  const trustedRoot = stage.keys.trustedRoot()
  const { damages } = await verifyRepository(store, { now: process.now(), trustedRoot })
  const { findings } = await auditLog(store, { trustedRoot })
  const problems = [...damages, ...findings].map(({ what, problem }) => `${what} ${problem}`)
  if (problems.length > 0) throw new Violation(`in the end: ${problems.join('; ')}`)
}

function refuseLeftovers({ model, checker }: Stage): void {
  const left = [...model.blobs.keys()].filter(
    (key) => collected.test(key) && checker.visible?.needed.has(key) !== true,
  )
  if (left.length > 0) throw new Violation(`left behind in the ${model.name}: ${left.join(', ')}`)
}
