/** What keeps a server from starting. `hint` tells a person the way out. */
export class ServerError extends Error {
  override readonly name = 'ServerError'
  readonly code: ServerErrorCode
  readonly hint: string | undefined

  constructor(
    code: ServerErrorCode,
    message: string,
    options: { readonly hint?: string | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.code = code
    this.hint = options.hint
  }
}

export type ServerErrorCode =
  | 'LISTEN_FAILED' // the address is taken, not this machine's, or not permitted
  | 'TLS_FILES_INVALID' // a certificate or key that cannot be read, or that do not belong together
