import { hash } from 'node:crypto'

/** The gear hash's value for each byte (format §9.1): the start of the SHA-256 of that one byte, little-endian. */
export const gearTable: Int32Array = Int32Array.from({ length: 256 }, (_, byte) =>
  hash('sha256', Uint8Array.of(byte), 'buffer').readInt32LE(0),
)
