/** The reason of the signal that is aborted by SIGINT and SIGTERM. */
export class InterruptedError extends Error {
  override readonly name = 'InterruptedError'
  readonly code = 'INTERRUPTED'

  constructor(signal: string) {
    super(`interrupted by ${signal}`)
  }
}
