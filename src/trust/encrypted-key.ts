import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto'
import { promisify } from 'node:util'
import type { Key, Signature } from '@tufjs/models'
import { canonicalJson, type JsonValue } from '../../manifests/canonical-json.ts'
import { TrustError } from './errors.ts'
import { publicKeyOf, publicKeyPattern } from './public-key.ts'
import type { PassphraseSource, Signer } from './signer.ts'
import { SigningKey } from './signing-key.ts'

const format = 'vend.key/1'

/**
 * scrypt (RFC 7914) with 128 MiB, about half a second: N = 2^17, r = 8, p = 1. A file may ask for more, up to 1 GiB, and never for
 * less.
 */
const cost = { log2N: 17, r: 8, p: 1 } as const
const largestLog2N = 20
const cipher = 'aes-256-gcm'
const tagBytes = 16

interface Head {
  readonly format: typeof format
  /** 64 hexadecimal digits. */
  readonly public: string
  readonly kdf: {
    readonly name: 'scrypt'
    readonly log2N: number
    readonly r: number
    readonly p: number
    readonly salt: string
  }
  readonly cipher: { readonly name: typeof cipher; readonly nonce: string }
}

/** The file of a key that a passphrase opens. All that stands in the clear is authenticated by it too. */
export async function encryptKey(key: SigningKey, passphrase: string): Promise<string> {
  const [salt, nonce] = [randomBytes(32), randomBytes(12)]
  const head: Head = {
    format,
    public: String(key.key.keyVal['public']),
    kdf: { name: 'scrypt', ...cost, salt: salt.toString('hex') },
    cipher: { name: cipher, nonce: nonce.toString('hex') },
  }
  const sealing = createCipheriv(cipher, await derive(passphrase, head), nonce, { authTagLength: tagBytes })
  sealing.setAAD(Buffer.from(canonicalJson(head as unknown as JsonValue)))
  const sealed = Buffer.concat([sealing.update(key.toDer()), sealing.final(), sealing.getAuthTag()])
  return `${JSON.stringify({ ...head, sealed: sealed.toString('hex') }, undefined, 2)}\n`
}

/** A key whose private half is decrypted when it is first needed. */
export class EncryptedKey implements Signer {
  readonly key: Key
  readonly path: string
  readonly #head: Head
  readonly #sealed: Buffer
  readonly #passphrase: PassphraseSource
  #opened: Promise<SigningKey> | undefined

  /** Throws KEY_UNREADABLE for what `encryptKey` has not written. */
  constructor(text: string, path: string, passphrase: PassphraseSource) {
    const { sealed, ...head } = parse(text, path)
    this.#head = head
    this.#sealed = Buffer.from(sealed, 'hex')
    this.#passphrase = passphrase
    this.path = path
    this.key = publicKeyOf(head.public)
  }

  async prepare(): Promise<void> {
    await this.open()
  }

  async sign(data: Uint8Array): Promise<Signature> {
    return (await this.open()).sign(data)
  }

  /** The key in the clear. Throws KEY_PASSPHRASE_NEEDED and KEY_PASSPHRASE_WRONG. */
  async open(): Promise<SigningKey> {
    return (this.#opened ??= this.#decrypt())
  }

  async #decrypt(): Promise<SigningKey> {
    const head = this.#head
    const key = await derive(await this.#passphrase(this.path), head)
    const nonce = Buffer.from(head.cipher.nonce, 'hex')
    const opening = createDecipheriv(cipher, key, nonce, { authTagLength: tagBytes })
    opening.setAAD(Buffer.from(canonicalJson(head as unknown as JsonValue)))
    opening.setAuthTag(this.#sealed.subarray(-tagBytes))
    try {
      const der = Buffer.concat([opening.update(this.#sealed.subarray(0, -tagBytes)), opening.final()])
      return SigningKey.fromDer(der, this.path)
    } catch (cause) {
      throw new TrustError('KEY_PASSPHRASE_WRONG', `the passphrase does not open ${this.path}`, {
        hint: 'try again; a key file that was changed or damaged says the same: restore it from its copy',
        cause,
      })
    }
  }
}

async function derive(passphrase: string, { kdf }: Head): Promise<Buffer> {
  const { log2N, r, p, salt } = kdf
  // NFC, so that one passphrase is the same bytes from every keyboard.
  const bytes = Buffer.from(passphrase.normalize('NFC'))
  const options = { N: 2 ** log2N, r, p, maxmem: 2 * 128 * 2 ** log2N * r }
  return deriveBytes(bytes, Buffer.from(salt, 'hex'), 32, options)
}

const deriveBytes = promisify<
  Buffer,
  Buffer,
  number,
  { readonly N: number; readonly r: number; readonly p: number; readonly maxmem: number },
  Buffer
>(scrypt)

function parse(text: string, path: string): Head & { readonly sealed: string } {
  const found = parseJson(text, path) as Partial<Head & { sealed: string }> | null
  const { kdf } = found ?? {}
  const isFit =
    found?.format === format &&
    publicKeyPattern.test(found.public ?? '') &&
    kdf?.name === 'scrypt' &&
    Number.isInteger(kdf.log2N) &&
    kdf.log2N >= cost.log2N &&
    kdf.log2N <= largestLog2N &&
    kdf.r === cost.r &&
    kdf.p === cost.p &&
    /^[0-9a-f]{32,128}$/.test(kdf.salt) &&
    found.cipher?.name === cipher &&
    /^[0-9a-f]{24}$/.test(found.cipher.nonce) &&
    /^(?:[0-9a-f]{2}){32,512}$/.test(found.sealed ?? '')
  if (isFit) return found as Head & { readonly sealed: string }
  throw unreadable(path)
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw unreadable(path, cause)
  }
}

function unreadable(path: string, cause?: unknown): TrustError {
  return new TrustError('KEY_UNREADABLE', `${path} is not an encrypted key that this version reads`, {
    hint: 'restore it from its copy',
    cause,
  })
}
