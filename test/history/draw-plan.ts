import type { Random } from '../support/random.ts'
import type { CollectorPlan } from './actors/collector.ts'
import type { PublishJob } from './actors/publisher.ts'
import { prepareChunks, prepareTree, type PreparedTree } from './prepared-tree.ts'

/** Who takes part in a history, and what they are about. */
export interface HistoryPlan {
  readonly trees: readonly PreparedTree[]
  /** What each publisher is to bring out. */
  readonly publishers: readonly (readonly PublishJob[])[]
  readonly collectors: readonly CollectorPlan[]
  readonly readers: number
  readonly hasMover: boolean
  readonly hasRefresher: boolean
  readonly hasScrubber: boolean
  readonly hasUndoer: boolean
  readonly hasMirror: boolean
  /** Whether the store holds, from long ago, what a publisher stored that died. */
  readonly hasLeftovers: boolean
  /** Whether collectors see no lease of a publish: safety must not hang on one. */
  readonly hidesLeases: boolean
  readonly pageKeys: number
}

/** Also what is not stored yet is old enough to be collected. */
const anyAge = -1e9

const hourMs = 3_600_000
const epoch = 1_800_000_000

/** `race`: of two kinds, the one of nothing but publishers and collectors, which meet where it is most difficult. */
export function drawPlan(random: Random, { race }: { readonly race: boolean }): HistoryPlan {
  const trees = drawTrees(random)
  const isRace = random.chance(2) || race
  // Takes back what was retired: then much has to be, and nothing removed at once.
  const hasUndoer = !isRace && random.chance(3)
  const channels =
    isRace || hasUndoer ? ['stable', undefined, undefined] : ['stable', 'stable', 'beta', undefined]
  const drawJob = (): PublishJob => ({
    trees: [random.pick(trees)],
    channel: random.pick(channels),
    epoch: random.chance(2) ? epoch : undefined,
  })
  return {
    trees,
    publishers: drawEach(random.between(2, 3), () => drawEach(random.between(2, isRace ? 4 : 3), drawJob)),
    collectors: drawEach(isRace ? 2 : random.between(1, 2), () => ({
      rounds: isRace ? 5 : random.between(2, 3),
      keepLast: isRace || hasUndoer ? 1 : random.between(1, 2),
      sliceKeys: random.between(1, 5),
      graceMs: isRace ? anyAge : random.pick([anyAge, 0, 60_000]),
      quarantineMs: isRace ? 0 : random.pick(hasUndoer ? [1000, 10_000, hourMs] : [0, 0, 10_000]),
    })),
    readers: isRace ? 1 : random.between(1, 2),
    hasMover: !isRace,
    hasRefresher: !isRace && random.chance(2),
    hasScrubber: !isRace && random.chance(3),
    hasUndoer,
    hasMirror: !isRace && random.chance(3),
    hasLeftovers: isRace || random.chance(2),
    hidesLeases: isRace || random.chance(2),
    pageKeys: random.between(2, 7),
  }
}

/** Of few chunks, so that they come and go and come again. */
function drawTrees(random: Random): PreparedTree[] {
  const chunks = prepareChunks(6)
  return drawEach(6, () => prepareTree('base', random.shuffle(chunks).slice(0, random.between(1, 3))))
}

function drawEach<T>(count: number, draw: () => T): T[] {
  return Array.from({ length: count }, draw)
}
