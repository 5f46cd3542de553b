import type { Copy } from './copy.ts'
import type { Executable, ReadAt } from './elf.ts'
import { ReferenceFinder } from './find-references.ts'
import type { Layout } from './layout.ts'
import { moveAddresses, moveOffsets } from './movement.ts'
import { Predictor } from './predictor.ts'

/** The predictor that encoder and decoder both make, from what both know. */
export function makePredictor(
  basis: Executable,
  readBasis: ReadAt,
  copies: readonly Copy[],
  layout: Layout,
): Predictor {
  const movement = {
    offsets: moveOffsets(copies),
    addresses: moveAddresses(copies, basis, layout.biases, layout.exceptions),
    biases: layout.biases,
  }
  return new Predictor(new ReferenceFinder(basis, readBasis), movement, readBasis)
}
