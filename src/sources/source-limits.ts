/** How much a source may unpack to. */
export interface SourceLimits {
  /** Bytes after decompression, whatever their number before. Undefined: `usualRatio` times the bytes before. */
  readonly maxUnpackedBytes?: number | undefined
}

/** What every source may unpack to: a file of zeros in a small archive is no attack yet. */
export const freeBytes = 1 << 30

/**
 * What a byte may unpack to beyond that. Trees of operating systems unpack to three to six times their size, one
 * of zeros with gzip to a thousand times, with zstd to more than ten thousand.
 */
export const usualRatio = 200

/** The bytes that may have come out of a decompressor after `packedBytes` went into it. */
export function allowedBytes(packedBytes: number, { maxUnpackedBytes }: SourceLimits): number {
  return maxUnpackedBytes ?? Math.max(freeBytes, packedBytes * usualRatio)
}
