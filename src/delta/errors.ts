export type DeltaErrorCode = 'DELTA_CORRUPT' | 'DELTA_TOO_LARGE'

/** Something about a delta that a caller can act on: it is not what an encoder writes, or needs more than allowed. */
export class DeltaError extends Error {
  readonly code: DeltaErrorCode

  constructor(code: DeltaErrorCode, message: string) {
    super(message)
    this.name = 'DeltaError'
    this.code = code
  }
}
