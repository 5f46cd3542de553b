/**
 * A document, name or value that breaks a rule of docs/format.md.
 * `code` is stable; `place` says where (a field path such as `modules.base.manifest.bytes`, or `line 17`).
 */
export class FormatError extends Error {
  override readonly name = 'FormatError'
  readonly code: FormatErrorCode
  readonly document: string
  readonly place: string | undefined

  constructor(
    code: FormatErrorCode,
    document: string,
    problem: string,
    options: { readonly place?: string | undefined; readonly cause?: unknown } = {},
  ) {
    const where = options.place === undefined ? document : `${document}, ${options.place}`
    super(`${where}: ${problem}`, { cause: options.cause })
    this.code = code
    this.document = document
    this.place = options.place
  }
}

export type FormatErrorCode =
  | 'FORMAT_UNKNOWN' // a `format` this version does not read
  | 'FORMAT_INVALID' // a field is missing, of the wrong type, or out of range
  | 'FORMAT_NOT_CANONICAL' // the same value written in another way than the one allowed
  | 'FORMAT_TRUNCATED' // the document ends before what its header announces
  | 'PATH_INVALID' // a path that could leave the tree or that no file system takes
  | 'NAME_INVALID' // a module, channel or version that is not one
  | 'DIGEST_INVALID' // not `sha256:` and 64 lower-case hexadecimal digits
