export type ExportErrorCode =
  | 'EXPORT_UNSUPPORTED' // something that the format cannot say, or that its readers would take for something else
  | 'EXPORT_EXISTS' // something is where the export is to be, and cannot be added to
  | 'LAYOUT_DAMAGED' // the layout that is to be added to is not one, or is damaged

/** What keeps a release from being exported. `hint` tells a person the way out. */
export class ExportError extends Error {
  override readonly name = 'ExportError'
  readonly code: ExportErrorCode
  readonly hint: string

  constructor(code: ExportErrorCode, message: string, hint: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
    this.hint = hint
  }
}
