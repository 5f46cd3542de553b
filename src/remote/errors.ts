/** What a server that releases are published to answers, or what cannot be done over it. `hint`: the way out. */
export class RemoteError extends Error {
  override readonly name = 'RemoteError'
  readonly code: RemoteErrorCode
  readonly hint: string | undefined

  constructor(
    code: RemoteErrorCode,
    message: string,
    options: { readonly hint?: string | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.code = code
    this.hint = options.hint
  }
}

export type RemoteErrorCode =
  | 'UNAUTHENTICATED' // no token, or one that is not good
  | 'FORBIDDEN' // the token lacks a grant
  | 'QUOTA_EXCEEDED' // of the token, for today
  | 'SERVER_REFUSED' // an answer that no retry can better
  | 'SERVER_CERTIFICATE_INVALID'
  | 'CLIENT_CERTIFICATE_REFUSED'
  | 'PROXY_REFUSED'
  | 'TLS_FILES_INVALID'
  | 'SETTINGS_INVALID'
  | 'NOT_OVER_HTTPS' // takes the store itself

/** A problem document (RFC 9457) that a server answered with. */
export class RemoteProblem extends Error {
  override readonly name = 'RemoteProblem'
  readonly status: number
  /** Of docs/errors.md, HTTP; empty where the answer was none of Vend's. */
  readonly problem: string

  constructor(status: number, problem: string, detail: string) {
    super(detail)
    this.status = status
    this.problem = problem
  }
}
