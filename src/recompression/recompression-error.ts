/**
 * RECIPE_MALFORMED: not a recipe. RECIPE_UNKNOWN: of a version, or with parameters, that this program does not know.
 * RECIPE_OVER_LIMIT: its result would be longer than allowed. RECIPE_MISMATCH: it does not fit its plain content.
 */
export type RecompressionErrorCode =
  'RECIPE_MALFORMED' | 'RECIPE_UNKNOWN' | 'RECIPE_OVER_LIMIT' | 'RECIPE_MISMATCH'

/** A recipe that cannot be followed. Nothing was made of it; fetch the content whole instead. */
export class RecompressionError extends Error {
  override readonly name = 'RecompressionError'
  readonly code: RecompressionErrorCode
  /** Where: a byte of the recipe, or a stream of it (both from 0). */
  readonly place: string

  constructor(code: RecompressionErrorCode, place: string, problem: string) {
    super(`recompression recipe, ${place}: ${problem}`)
    this.code = code
    this.place = place
  }
}
