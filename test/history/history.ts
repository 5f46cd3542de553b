import { maxRequestMs } from '../../src/repository/sweeps.ts'
import { Random } from '../support/random.ts'
import { collectAll } from './actors/collector.ts'
import { moveChannels, refreshAll } from './actors/channel-mover.ts'
import { mirrorAll } from './actors/mirror.ts'
import { publishAll } from './actors/publisher.ts'
import { readAll } from './actors/reader.ts'
import { scrubAll } from './actors/scrubber.ts'
import { undoAll } from './actors/undoer.ts'
import type { BaseRepository } from './base-repository.ts'
import type { BrokenVariant } from './broken-variants.ts'
import { checkEnd } from './check-end.ts'
import { checkMirror } from './check-mirror.ts'
import { checkOperations } from './check-operations.ts'
import { drawPlan, type HistoryPlan } from './draw-plan.ts'
import { usualFaults } from './faults.ts'
import { Stage } from './stage.ts'
import { Violation } from './violation.ts'
import { World } from './world.ts'

export interface HistoryReport {
  readonly seed: number
  /** Of all events. */
  readonly digest: number
  readonly counts: HistoryCounts
  /** What went wrong, and the events before it. */
  readonly failure: { readonly problem: string; readonly events: readonly string[] } | undefined
}

export interface HistoryCounts {
  readonly steps: number
  readonly calls: number
  readonly faults: number
  readonly crashes: number
  readonly stalls: number
  readonly operations: number
  readonly commits: number
  readonly conflicts: number
  readonly fences: number
  readonly sweeps: number
}

export interface HistoryOptions {
  /** One kind of process does something wrong. */
  readonly broken?: BrokenVariant | undefined
  /** Nothing but publishers and collectors. */
  readonly race?: boolean
}

/**
 * One history, as its seed says: publishers, collectors and others at once on one store, where everything goes wrong
 * that may. Never throws for what it finds. Takes `simulateBuiltins` to be in force.
 */
export async function runHistory(
  seed: number,
  base: BaseRepository,
  { broken, race = false }: HistoryOptions = {},
): Promise<HistoryReport> {
  const world = new World({ seed, chances: usualFaults, maxRequestMs, maxClockErrorMs: 3_600_000 })
  const plan = drawPlan(new Random(seed ^ 0x5eed), { race })
  const stage = new Stage('store', world, plan, base, broken)
  const mirror = new Stage('mirror', world, plan, base, broken)
  stage.fill(base.blobs)
  if (plan.hasLeftovers) stage.leaveBehind(plan.trees)
  let failure: HistoryReport['failure']
  try {
    spawnActors(world, stage, mirror, plan)
    await world.run()
    checkOperations(stage.operations, stage.checker.commits)
    checkMirror(stage.checker.commits, mirror.checker.commits)
    await checkEnd(world, stage, plan.hasMirror ? mirror : undefined)
  } catch (error) {
    failure = { problem: describe(error), events: world.lastEvents }
  }
  return { seed, digest: world.digest, failure, counts: countsOf(world, stage) }
}

function spawnActors(world: World, stage: Stage, mirror: Stage, plan: HistoryPlan): void {
  for (const [index, jobs] of plan.publishers.entries()) {
    world.spawn(`publisher ${index + 1}`, (process) => publishAll(stage, process, jobs), 3)
  }
  for (const [index, collector] of plan.collectors.entries()) {
    world.spawn(`collector ${index + 1}`, (process) => collectAll(stage, process, collector), 2)
  }
  for (let number = 1; number <= plan.readers; number++) {
    world.spawn(`reader ${number}`, (process) => readAll(stage, process, 3), 1)
  }
  if (plan.hasMover) world.spawn('mover', (process) => moveChannels(stage, process, 2), 1)
  if (plan.hasRefresher) world.spawn('refresher', (process) => refreshAll(stage, process, 1), 1)
  if (plan.hasScrubber) world.spawn('scrubber', (process) => scrubAll(stage, process, 2), 1)
  if (plan.hasUndoer) world.spawn('undoer', (process) => undoAll(stage, process, 6), 1)
  if (!plan.hasMirror) return
  world.spawn('mirror', (process) => mirrorAll(stage, mirror, process, 3), 2)
  world.spawn('mirror reader', (process) => readAll(mirror, process, 3), 1)
  const mirrorPlan = { rounds: 2, keepLast: undefined, sliceKeys: 3, graceMs: -1e9, quarantineMs: 0 }
  world.spawn('collector of the mirror', (process) => collectAll(mirror, process, mirrorPlan), 1)
}

function countsOf(world: World, { operations, checker }: Stage): HistoryCounts {
  return {
    steps: world.step,
    ...world.counts,
    operations: operations.length,
    commits: checker.commits.length - 1,
    conflicts: operations.filter(({ outcome }) => outcome === 'conflict').length,
    fences: checker.fences,
    sweeps: checker.sweeps,
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const own = error instanceof Violation ? error.message : `${error.name}: ${error.message}`
  return error.cause === undefined ? own : `${own}\n  because ${describe(error.cause)}`
}
