import { gearTable } from './gear-table.ts'
import type { ChunkingProfile } from './profile.ts'

/**
 * FastCDC with normalized chunking (Xia et al., USENIX ATC 2016), format §9.2: the length of the first chunk.
 * `bytes` must be the rest of the content or at least `profile.maxBytes` of it: the answer depends on nothing else,
 * so it is the same however the content was fed. Returns `bytes.length` when all of it is one chunk.
 */
export function findCut(bytes: Uint8Array, profile: ChunkingProfile): number {
  const end = Math.min(bytes.length, profile.maxBytes)
  if (end <= profile.minBytes) return end
  const average = Math.min(end, profile.averageBytes)
  const { small, large } = masks(profile.averageBytes)
  const early = scan(bytes, profile.minBytes, average, small, 0)
  if (early !== undefined) return early
  return scan(bytes, average, end, large, hashBefore(bytes, profile.minBytes, average)) ?? end
}

/**
 * Where the first cut between `from` and `to` lies, given the hash of what is before. Four bytes a round: half the
 * time of one, and this is where a quarter of a publish's is spent.
 */
function scan(
  bytes: Uint8Array,
  from: number,
  to: number,
  mask: number,
  startHash: number,
): number | undefined {
  const gear = gearTable
  let hash = startHash
  const lastRound = to - 4
  let i = from
  for (; i <= lastRound; i += 4) {
    hash = ((hash << 1) + (gear[bytes[i] as number] as number)) | 0
    if ((hash & mask) === 0) return i + 1
    hash = ((hash << 1) + (gear[bytes[i + 1] as number] as number)) | 0
    if ((hash & mask) === 0) return i + 2
    hash = ((hash << 1) + (gear[bytes[i + 2] as number] as number)) | 0
    if ((hash & mask) === 0) return i + 3
    hash = ((hash << 1) + (gear[bytes[i + 3] as number] as number)) | 0
    if ((hash & mask) === 0) return i + 4
  }
  for (; i < to; i++) {
    hash = ((hash << 1) + (gear[bytes[i] as number] as number)) | 0
    if ((hash & mask) === 0) return i + 1
  }
  return undefined
}

/** The gear hash of what lies between `from` and `to`: each byte is shifted out of it by the 32 that follow. */
function hashBefore(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0
  for (let i = Math.max(from, to - 32); i < to; i++) {
    hash = ((hash << 1) + (gearTable[bytes[i] as number] as number)) | 0
  }
  return hash
}

/**
 * Before the average size a cut needs two bits more than log2(average), after it two fewer (the paper's NC2). They
 * are the hash's highest bits, which depend on the most preceding bytes.
 */
function masks(averageBytes: number): { readonly small: number; readonly large: number } {
  const bits = Math.round(Math.log2(averageBytes))
  return { small: -1 << (32 - bits - 2), large: -1 << (32 - bits + 2) }
}
