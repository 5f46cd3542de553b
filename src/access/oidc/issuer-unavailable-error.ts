/** The keys of an issuer could not be read: whether its tokens are good is not known. */
export class IssuerUnavailableError extends Error {
  override readonly name = 'IssuerUnavailableError'
  readonly code = 'ISSUER_UNAVAILABLE'

  constructor(issuer: string, problem: string, cause?: unknown) {
    super(`${issuer}: ${problem}`, { cause })
  }
}
