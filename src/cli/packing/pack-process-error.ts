/** What went wrong in a process that makes a pack; `code` is that of the error there, if it had one. */
export class PackProcessError extends Error {
  override readonly name = 'PackProcessError'
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}
