/** Bytes that are no set of sketches. Nothing is lost: sketches can be made from the contents again. */
export class SketchSetError extends Error {
  override readonly name = 'SketchSetError'
  readonly code = 'SKETCHES_INVALID'

  constructor(problem: string) {
    super(`the sketches are not usable: what should be a set of them ${problem}`)
  }
}
