/** A log, or what speaks of one, that is damaged or is not the log it should be. */
export class LogError extends Error {
  override readonly name = 'LogError'
  readonly code: LogErrorCode

  constructor(code: LogErrorCode, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.code = code
  }
}

export type LogErrorCode =
  | 'LOG_INVALID' // a tile, entry, note or proof that is damaged, missing or does not lead to the signed head
  | 'LOG_FORKED' // two signed heads of which neither is a prefix of the other
