import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  sign,
  type KeyObject,
} from 'node:crypto'
import { Key, Signature } from '@tufjs/models'
import { canonicalJson } from '../../manifests/canonical-json.ts'
import { TrustError } from './errors.ts'

/** An Ed25519 key pair that signs metadata. */
export class SigningKey {
  readonly #privateKey: KeyObject
  /** The public half, as metadata lists it. */
  readonly key: Key

  private constructor(privateKey: KeyObject) {
    this.#privateKey = privateKey
    this.key = publicKeyOf(privateKey)
  }

  static generate(): SigningKey {
    return new SigningKey(generateKeyPairSync('ed25519').privateKey)
  }

  /** From PKCS #8 PEM. Throws a TrustError with code KEY_UNREADABLE naming `source`. */
  static fromPem(pem: string, source: string): SigningKey {
    try {
      const privateKey = createPrivateKey(pem)
      if (privateKey.asymmetricKeyType !== 'ed25519')
        throw new TypeError(`a ${privateKey.asymmetricKeyType} key`)
      return new SigningKey(privateKey)
    } catch (cause) {
      throw new TrustError('KEY_UNREADABLE', `${source} is not an Ed25519 private key in PEM form`, { cause })
    }
  }

  toPem(): string {
    return this.#privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  }

  sign(data: Uint8Array): Signature {
    return new Signature({
      keyID: this.key.keyID,
      sig: sign(null, data, this.#privateKey).toString('hex'),
    })
  }
}

/** The key id is the SHA-256 of the key's canonical JSON, as the TUF specification (§4.2) recommends. */
function publicKeyOf(privateKey: KeyObject): Key {
  const der = createPublicKey(privateKey).export({ type: 'spki', format: 'der' })
  const parts = {
    keytype: 'ed25519',
    scheme: 'ed25519',
    keyval: { public: der.subarray(-32).toString('hex') },
  }
  return new Key({
    keyID: hash('sha256', canonicalJson(parts), 'hex'),
    keyType: parts.keytype,
    scheme: parts.scheme,
    keyVal: parts.keyval,
  })
}
