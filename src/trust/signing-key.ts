import { createPrivateKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { Signature, type Key } from '@tufjs/models'
import { TrustError } from './errors.ts'
import { publicHexOf, publicKeyOf } from './public-key.ts'
import type { Signer } from './signer.ts'

/** An Ed25519 key pair in memory. */
export class SigningKey implements Signer {
  readonly #privateKey: KeyObject
  readonly key: Key

  private constructor(privateKey: KeyObject) {
    this.#privateKey = privateKey
    this.key = publicKeyOf(publicHexOf(privateKey))
  }

  static generate(): SigningKey {
    return new SigningKey(generateKeyPairSync('ed25519').privateKey)
  }

  /** From PKCS #8 PEM. Throws a TrustError with code KEY_UNREADABLE naming `source`. */
  static fromPem(pem: string, source: string): SigningKey {
    return SigningKey.#from(
      () => createPrivateKey(pem),
      `${source} is not an Ed25519 private key in PEM form`,
    )
  }

  /** From PKCS #8 DER. Throws as `fromPem`. */
  static fromDer(der: Buffer, source: string): SigningKey {
    const read = (): KeyObject => createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    return SigningKey.#from(read, `${source} holds something else than an Ed25519 private key`)
  }

  static #from(read: () => KeyObject, problem: string): SigningKey {
    try {
      const privateKey = read()
      if (privateKey.asymmetricKeyType === 'ed25519') return new SigningKey(privateKey)
      throw new TypeError(`a ${privateKey.asymmetricKeyType} key`)
    } catch (cause) {
      throw new TrustError('KEY_UNREADABLE', problem, { cause })
    }
  }

  toPem(): string {
    return this.#privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  }

  toDer(): Buffer {
    return this.#privateKey.export({ type: 'pkcs8', format: 'der' })
  }

  async prepare(): Promise<void> {
    // It has all that it needs.
  }

  async sign(data: Uint8Array): Promise<Signature> {
    return new Signature({ keyID: this.key.keyID, sig: sign(null, data, this.#privateKey).toString('hex') })
  }
}
