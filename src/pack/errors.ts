export type PackErrorCode = 'PACK_CORRUPT' | 'PACK_UNSUPPORTED' | 'PACK_TOO_LARGE'

/** A pack that cannot be used as it is. Nothing was lost: whoever wanted it has the chunks. */
export class PackError extends Error {
  readonly code: PackErrorCode

  constructor(code: PackErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'PackError'
    this.code = code
  }
}
