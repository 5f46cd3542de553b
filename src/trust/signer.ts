import type { Key, Signature } from '@tufjs/models'

/** Whatever signs with one Ed25519 key: a key in memory, one that a passphrase opens, a program that has it. */
export interface Signer {
  /** The public half, as metadata lists it. */
  readonly key: Key
  /** Asks for what signing needs, such as a passphrase, so that later signing needs nobody. */
  prepare(): Promise<void>
  /** Throws a TrustError: KEY_PASSPHRASE_…, SIGNER_FAILED. */
  sign(data: Uint8Array): Promise<Signature>
}

/** Answers the passphrase of a key file that is named by its path. Throws KEY_PASSPHRASE_NEEDED. */
export type PassphraseSource = (path: string) => Promise<string>
