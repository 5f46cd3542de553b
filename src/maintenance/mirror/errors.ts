/** What a mirror refuses. `hint` tells a person the way out. */
export class MirrorError extends Error {
  override readonly name = 'MirrorError'
  readonly code: MirrorErrorCode
  readonly hint: string | undefined

  constructor(
    code: MirrorErrorCode,
    message: string,
    options: { readonly hint?: string | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.code = code
    this.hint = options.hint
  }
}

export type MirrorErrorCode =
  | 'MIRROR_BACKWARDS' // the source is older than the destination
  | 'MIRROR_FORKED' // source and destination have two things under one number
  | 'MIRROR_UNSETTLED' // source or destination changed again and again meanwhile
  | 'MIRROR_FILE_INVALID' // a mirror in a file, or a state file, that is none, or is damaged or cut off
  | 'MIRROR_FILE_UNFIT' // a file for a destination that has something else
