import { Key } from '@tufjs/models'
import { getPublicKey } from '@tufjs/models/dist/utils/key.js'
import { createPublicKey, hash, verify, type KeyObject } from 'node:crypto'
import { canonicalJson, type JsonValue } from '../../manifests/canonical-json.ts'

/** The 32 bytes of an Ed25519 public key as 64 lower-case hexadecimal digits. */
export const publicKeyPattern = /^[0-9a-f]{64}$/

/** RFC 8410 §4: what stands before the 32 bytes in a SubjectPublicKeyInfo. */
const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex')

/**
 * As metadata lists it. The key id is the SHA-256 of the key's canonical JSON, as the TUF specification (§4.2)
 * recommends.
 */
export function publicKeyOf(publicHex: string): Key {
  const parts = { keytype: 'ed25519', scheme: 'ed25519', keyval: { public: publicHex } }
  return new Key({
    keyID: keyIdOf(parts),
    keyType: parts.keytype,
    scheme: parts.scheme,
    keyVal: parts.keyval,
  })
}

/** Whether a key has the id that follows from it: else it could be another one under the id of one that is known. */
export function hasOwnId(key: Key): boolean {
  return key.keyID === keyIdOf(key.toJSON())
}

/**
 * The ids of keys that are one public key, each group together, first by its id. TUF counts signatures by key ids, so that
 * one key under two ids would be two signatures.
 */
export function twinKeyIds(keys: Readonly<Record<string, unknown>>): readonly (readonly string[])[] {
  const groups = Map.groupBy(Object.entries(keys), ([, key]) => publicPartOf(key))
  return [...groups.values()].filter(({ length }) => length > 1).map((twins) => twins.map(([id]) => id))
}

/** The same for all spellings of one public key that tuf-js verifies with. */
function publicPartOf(key: unknown): string {
  const { keytype, scheme, keyval } = { ...(key as KeyJson | null) }
  const told = { keyType: String(keytype), scheme: String(scheme), keyVal: String(keyval?.public) }
  try {
    return canonicalJson(getPublicKey(told).key.export({ format: 'jwk' }) as JsonValue)
  } catch {
    // It verifies nothing.
    return JSON.stringify(told)
  }
}

interface KeyJson {
  readonly keytype?: unknown
  readonly scheme?: unknown
  readonly keyval?: { readonly public?: unknown }
}

/** As much of a key id as tells keys apart. */
export function shortKeyId(id: string): string {
  return id.slice(0, 12)
}

function keyIdOf(parts: JsonValue): string {
  return hash('sha256', canonicalJson(parts), 'hex')
}

/** Of a private or a public key. */
export function publicHexOf(key: KeyObject): string {
  const publicKey = key.type === 'public' ? key : createPublicKey(key)
  return publicKey.export({ type: 'spki', format: 'der' }).subarray(-32).toString('hex')
}

export function isSignatureOf(publicHex: string, data: Uint8Array, signature: Uint8Array): boolean {
  const der = Buffer.concat([spkiPrefix, Buffer.from(publicHex, 'hex')])
  return verify(null, data, createPublicKey({ key: der, format: 'der', type: 'spki' }), signature)
}
