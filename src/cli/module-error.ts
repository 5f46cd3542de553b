/** Modules that a machine cannot be asked to have, or to do without. */
export class ModuleError extends Error {
  override readonly name = 'ModuleError'
  readonly code: ModuleErrorCode
  readonly hint: string | undefined

  constructor(code: ModuleErrorCode, message: string, hint?: string) {
    super(message)
    this.code = code
    this.hint = hint
  }
}

export type ModuleErrorCode =
  | 'MODULE_UNKNOWN' // the release, or the machine, has no such module
  | 'MODULE_NEEDED' // a module that stays includes it, or it is the only one
