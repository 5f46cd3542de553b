/**
 * What decides, besides the plain bytes, every bit of a deflate stream.
 * `gzip`: GNU gzip 1.x. `zlib`: zlib 1.2 and 1.3 as published (not Chromium's, Intel's or zlib-ng, which match otherwise).
 */
export interface DeflateParameters {
  readonly encoder: 'gzip' | 'zlib'
  /** 1 (fast) to 9 (small). */
  readonly level: number
  /** zlib's memLevel, 1 to 9: symbols a block, and bits of the hash. gzip has one size only, and 8 here. */
  readonly memoryLevel: number
  /** Base-2 logarithm of the window, 9 to 15. Always 15 for gzip. */
  readonly windowBits: number
  /** zlib's Z_FILTERED: matches of up to five bytes are not worth it. PNG writers ask for it. */
  readonly isFiltered: boolean
}

export const defaultMemoryLevel = 8
export const maxWindowBits = 15

/** How hard a level searches; lengths in bytes. */
export interface SearchEffort {
  /** From a match this long on, the search for a better one is cut to a quarter. */
  readonly good: number
  /** Lazy levels: no better match is looked for after one this long. Fast ones: longer matches are not indexed. */
  readonly lazy: number
  /** A match this long ends the search. */
  readonly nice: number
  /** Candidates looked at. */
  readonly chain: number
}

/** Level 1 first; gzip and zlib agree. */
const efforts: readonly SearchEffort[] = [
  { good: 4, lazy: 4, nice: 8, chain: 4 },
  { good: 4, lazy: 5, nice: 16, chain: 8 },
  { good: 4, lazy: 6, nice: 32, chain: 32 },
  { good: 4, lazy: 4, nice: 16, chain: 16 },
  { good: 8, lazy: 16, nice: 32, chain: 32 },
  { good: 8, lazy: 16, nice: 128, chain: 128 },
  { good: 8, lazy: 32, nice: 128, chain: 256 },
  { good: 32, lazy: 128, nice: 258, chain: 1024 },
  { good: 32, lazy: 258, nice: 258, chain: 4096 },
]

export function effortOf(level: number): SearchEffort {
  return efforts[level - 1] as SearchEffort
}

/** Levels 1 to 3 take the first match there is; from 4 on, the next position is asked first. */
export function isLazy(level: number): boolean {
  return level > 3
}

export function hashBitsOf({ encoder, memoryLevel }: DeflateParameters): number {
  return encoder === 'gzip' ? 15 : memoryLevel + 7
}

/** A block ends after this many literals and matches at the latest: one less than the encoder's buffer holds. */
export function maxBlockSymbols({ encoder, memoryLevel }: DeflateParameters): number {
  return (encoder === 'gzip' ? 0x8000 : 1 << (memoryLevel + 6)) - 1
}

/** The parameters as one number, below 128 for the usual ones. */
export function packParameters(parameters: DeflateParameters): number {
  const { encoder, level, memoryLevel, windowBits, isFiltered } = parameters
  const usual = level | (encoder === 'gzip' ? 1 << 4 : 0) | (isFiltered ? 1 << 5 : 0)
  const memory = (memoryLevel - defaultMemoryLevel + 16) & 15
  return (
    usual |
    (memory === 1 ? 1 << 6 : 0) |
    ((memory === 1 ? 0 : memory) << 7) |
    ((maxWindowBits - windowBits) << 11)
  )
}

/** The only parameters that pack to this number; undefined when none do. */
export function unpackParameters(packed: number): DeflateParameters | undefined {
  if (packed >= 1 << 14) return undefined
  const memory = (packed & (1 << 6)) === 0 ? (packed >> 7) & 15 : 1
  const parameters: DeflateParameters = {
    encoder: (packed & (1 << 4)) === 0 ? 'zlib' : 'gzip',
    level: packed & 15,
    memoryLevel: defaultMemoryLevel + (memory > 7 ? memory - 16 : memory),
    windowBits: maxWindowBits - (packed >> 11),
    isFiltered: (packed & (1 << 5)) !== 0,
  }
  return isPossible(parameters) && packParameters(parameters) === packed ? parameters : undefined
}

function isPossible({ encoder, level, memoryLevel, windowBits, isFiltered }: DeflateParameters): boolean {
  if (level < 1 || level > 9 || memoryLevel < 1 || memoryLevel > 9) return false
  if (windowBits < 9 || windowBits > maxWindowBits) return false
  return (
    encoder === 'zlib' || (memoryLevel === defaultMemoryLevel && windowBits === maxWindowBits && !isFiltered)
  )
}
