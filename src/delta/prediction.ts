import type { Copy } from './copy.ts'
import type { ReadAt } from './elf.ts'
import type { DeltaContext } from './delta-context.ts'
import type { ReferenceFinder } from './find-references.ts'
import { Learner } from './learner.ts'
import type { Layout } from './layout.ts'
import { moveAddresses, moveOffsets } from './movement.ts'
import { Predictor } from './predictor.ts'
import type { StepRoom } from './step-room.ts'

/** What foresees references: first those that follow from the copies, then those that are learned on the way. */
export interface Prediction {
  readonly predictor: Predictor
  readonly learner: Learner
}

/** What encoder and decoder both make, from what both know. `finder` is of the basis. */
export function makePrediction(
  finder: ReferenceFinder,
  readBasis: ReadAt,
  copies: readonly Copy[],
  layout: Layout,
  context: DeltaContext,
  room: StepRoom,
): Prediction {
  const movement = {
    offsets: moveOffsets(copies),
    addresses: moveAddresses(copies, finder.executable, layout.biases, layout.exceptions),
    biases: layout.biases,
    sections: layout.sections,
  }
  return {
    predictor: new Predictor(finder, movement, readBasis, room.found),
    learner: new Learner(finder, readBasis, copies, layout, context, room),
  }
}
