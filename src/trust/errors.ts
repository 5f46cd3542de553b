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
  | 'KEY_UNREADABLE' // a key file that cannot be read or is no Ed25519 key
  | 'KEY_WRONG' // a key that the repository does not name for its role
  | 'KEY_EXISTS' // a key file lies already where one was to be made
  | 'KEY_PASSPHRASE_NEEDED' // an encrypted key, and nobody to ask for its passphrase
  | 'KEY_PASSPHRASE_WRONG' // a passphrase that does not open the key, or a damaged key file
  | 'SIGNER_FAILED' // an external command that did not sign
  | 'THRESHOLD_UNMET' // fewer keys at hand, or signatures, than a role needs
  | 'DRAFT_INVALID' // a draft that is none, or does not follow from what the repository has
  | 'METADATA_INVALID' // metadata that is damaged, not signed as it must be, or of another version than announced
  | 'METADATA_EXPIRED' // metadata whose lifetime is over
  | 'ROOT_MISMATCH' // a repository that begins with another root than the one trusted
