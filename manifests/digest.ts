import { createHash, hash } from 'node:crypto'
import { FormatError } from './errors.ts'

/** SHA-256 of plain (uncompressed) bytes, written `sha256:` and 64 lower-case hexadecimal digits (format §1.2). */
export type Digest = `sha256:${string}`

const pattern = /^sha256:[0-9a-f]{64}$/
const hexPattern = /^[0-9a-f]{64}$/

export const emptyDigest: Digest = digestOf(new Uint8Array(0))

/** Throws a FormatError with code DIGEST_INVALID on anything else than the one canonical spelling. */
export function parseDigest(text: string): Digest {
  if (!pattern.test(text)) throw invalid(text)
  return text as Digest
}

export function digestFromHex(hex: string): Digest {
  if (!hexPattern.test(hex)) throw invalid(hex)
  return `sha256:${hex}`
}

/** The 32 raw bytes. */
export function digestToBytes(digest: Digest): Uint8Array {
  return Buffer.from(digest.slice(7), 'hex')
}

export function digestFromBytes(bytes: Uint8Array): Digest {
  return digestFromHex(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex'))
}

/** The 64 digits alone, as keys and URLs spell them. */
export function hexOf(digest: Digest): string {
  return digest.slice(7)
}

export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${hash('sha256', bytes, 'hex')}`
}

/** A digest of bytes that arrive in pieces. */
export class DigestBuilder {
  readonly #hash = createHash('sha256')
  #bytes = 0

  /** How many bytes were added so far. */
  get bytes(): number {
    return this.#bytes
  }

  add(bytes: Uint8Array): this {
    this.#hash.update(bytes)
    this.#bytes += bytes.byteLength
    return this
  }

  finish(): Digest {
    return `sha256:${this.#hash.digest('hex')}`
  }
}

function invalid(text: string): FormatError {
  return new FormatError(
    'DIGEST_INVALID',
    'digest',
    `expected sha256: and 64 lower-case hexadecimal digits, got ${JSON.stringify(text.slice(0, 100))}`,
  )
}
