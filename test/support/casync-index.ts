import { digestToBytes } from '../../manifests/digest.ts'
import type { ChunkRef } from '../../manifests/manifest.ts'

/** As casync's caformat.h spells them. */
const indexType = 0x96824d9c7b129ff9n
const tableType = 0xe75b9e112f17417dn
const tableTail = 0x4b4f050e5549ecd1n
/** SHA-256 (the bit for SHA-512/256 is not set), and the two that casync itself sets for every blob. */
const featureFlags = 0x9000000000000000n
const headerBytes = 48
const itemBytes = 40
const endless = 0xffff_ffff_ffff_ffffn

/** A casync blob index (.caibx) of a content that consists of these chunks. */
export function casyncIndex(chunks: readonly ChunkRef[], maxChunkBytes: number): Buffer {
  const tableBytes = 16 + (chunks.length + 1) * itemBytes
  const sizes = [1, maxChunkBytes >> 2, maxChunkBytes].map(BigInt)
  let end = 0
  const items = chunks.map(({ digest, size }) =>
    Buffer.concat([words(BigInt((end += size))), digestToBytes(digest)]),
  )
  return Buffer.concat([
    words(BigInt(headerBytes), indexType, featureFlags, ...sizes),
    words(endless, tableType),
    ...items,
    words(0n, 0n, BigInt(headerBytes), BigInt(tableBytes), tableTail),
  ])
}

function words(...values: readonly bigint[]): Buffer {
  return Buffer.from(BigUint64Array.from(values).buffer)
}
