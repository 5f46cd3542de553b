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
  const gear = gearTable
  let gearHash = 0
  let i = profile.minBytes
  for (; i < average; i++) {
    gearHash = ((gearHash << 1) + (gear[bytes[i] as number] as number)) | 0
    if ((gearHash & small) === 0) return i + 1
  }
  for (; i < end; i++) {
    gearHash = ((gearHash << 1) + (gear[bytes[i] as number] as number)) | 0
    if ((gearHash & large) === 0) return i + 1
  }
  return end
}

/**
 * Before the average size a cut needs two bits more than log2(average), after it two fewer (the paper's NC2). They
 * are the hash's highest bits, which depend on the most preceding bytes.
 */
function masks(averageBytes: number): { readonly small: number; readonly large: number } {
  const bits = Math.round(Math.log2(averageBytes))
  return { small: -1 << (32 - bits - 2), large: -1 << (32 - bits + 2) }
}
