/** A signature, version, digest or date that trust cannot rest on. */
export class TrustError extends Error {
  override readonly name = 'TrustError'
  readonly code: TrustErrorCode
  /** What a person can do about it. */
  readonly hint: string | undefined

  constructor(
    code: TrustErrorCode,
    message: string,
    options: { readonly hint?: string | undefined; readonly cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.code = code
    this.hint = options.hint
  }
}

export type TrustErrorCode =
  | 'KEY_MISSING' // a key that this command signs with is not in the key directory
  | 'KEY_UNREADABLE' // a key file that cannot be read or is no Ed25519 private key
  | 'KEY_WRONG' // a key that the repository's root does not name for its role
  | 'METADATA_INVALID' // metadata that is damaged, not signed as it must be, or of another version than announced
  | 'METADATA_EXPIRED' // metadata whose lifetime is over
  | 'ROOT_MISMATCH' // a repository that begins with another root than the one trusted
