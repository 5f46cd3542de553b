import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  sign,
  type KeyObject,
} from 'node:crypto'
import { readFileSync } from 'node:fs'
import { canonicalJson, type JsonValue } from '../../manifests/canonical-json.ts'

export interface ForgedSignature {
  readonly keyid: string
  readonly sig: string
}

/** An Ed25519 key in an attacker's hands, or an operator's. Shares nothing with src/trust, which is what is tried. */
export class ForgeKey {
  readonly #privateKey: KeyObject
  /** As metadata lists it. */
  readonly entry: { readonly [name: string]: JsonValue }
  readonly id: string

  private constructor(privateKey: KeyObject) {
    this.#privateKey = privateKey
    const der = createPublicKey(privateKey).export({ type: 'spki', format: 'der' })
    this.entry = {
      keytype: 'ed25519',
      scheme: 'ed25519',
      keyval: { public: der.subarray(-32).toString('hex') },
    }
    this.id = hash('sha256', canonicalJson(this.entry), 'hex')
  }

  static generate(): ForgeKey {
    return new ForgeKey(generateKeyPairSync('ed25519').privateKey)
  }

  static several(count: number): ForgeKey[] {
    return Array.from({ length: count }, () => ForgeKey.generate())
  }

  static read(path: string): ForgeKey {
    return new ForgeKey(createPrivateKey(readFileSync(path)))
  }

  sign(signed: JsonValue): ForgedSignature {
    const data = Buffer.from(canonicalJson(signed))
    return { keyid: this.id, sig: sign(null, data, this.#privateKey).toString('hex') }
  }
}
