import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { crc32 } from 'node:zlib'

/**
 * A token as its holder has it:
 *
 *     vend_<id, 16 characters>_<secret, 52 characters><checksum, 7 characters>
 *
 * in the alphabet of base32 (RFC 4648, §6) in lower case. The id is public. The secret is 256 random bits. The checksum
 * is the CRC-32 of all that stands before it: typing mistakes are found without a question to the store, and what looks
 * for leaked secrets need not guess.
 */
export interface TokenSecret {
  readonly id: string
  /** All of it, to be shown once. */
  readonly text: string
}

const idBytes = 10
const secretBytes = 32
const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'
const checksumLength = 7

export const tokenIdPattern = /^[a-z2-7]{16}$/
const form = /^vend_([a-z2-7]{16})_[a-z2-7]{59}$/

export const tokenPrefix = 'vend_'

export function makeTokenSecret(): TokenSecret {
  const id = base32(randomBytes(idBytes))
  const head = `${tokenPrefix}${id}_${base32(randomBytes(secretBytes))}`
  return { id, text: head + checksumOf(head) }
}

/** The id in a token's text; undefined for what is no token, or has a typing mistake in it. */
export function tokenIdIn(text: string): string | undefined {
  const id = form.exec(text)?.[1]
  if (id === undefined) return undefined
  const head = text.slice(0, -checksumLength)
  return checksumOf(head) === text.slice(-checksumLength) ? id : undefined
}

/** What is kept of a token: with 256 random bits in it there is nothing to guess that a slow hash could make dearer. */
export function hashToken(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** In a time that says nothing of the hash. */
export function isToken(text: string, hash: Uint8Array): boolean {
  return timingSafeEqual(hashToken(text), hash)
}

function checksumOf(head: string): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(crc32(head))
  return base32(bytes)
}

function base32(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let held = 0
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff
    bits += 8
    for (; bits >= 5; bits -= 5) text += alphabet[(held >> (bits - 5)) & 31] ?? ''
  }
  return bits === 0 ? text : text + (alphabet[(held << (5 - bits)) & 31] ?? '')
}
