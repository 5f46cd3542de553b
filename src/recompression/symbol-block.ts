/**
 * What one deflate block says. A symbol below 256 is a literal byte; another is `distance << 8 | length - 3`.
 * `symbols` is the finder's own and is overwritten by the next block.
 */
export interface SymbolBlock {
  readonly symbols: Uint32Array
  readonly count: number
  /** The bytes of the input that it stands for. */
  readonly start: number
  readonly end: number
  /** Whether the encoder still has these bytes in its window, so that it could store them as they are. */
  readonly isStorable: boolean
  readonly isLast: boolean
}

/** Takes each block in order; false ends the search. */
export type TakeBlock = (block: SymbolBlock) => boolean
