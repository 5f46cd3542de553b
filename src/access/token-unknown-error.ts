/** There is no token of that id. */
export class TokenUnknownError extends Error {
  override readonly name = 'TokenUnknownError'
  readonly code = 'TOKEN_UNKNOWN'
  readonly hint = '"vend token list" shows them all'

  constructor(id: string) {
    super(`there is no token ${id}`)
  }
}
