/**
 * Canonical JSON (format §1.1) as sources of regular expressions, for lines whose members are known: each token has
 * one spelling, so that an expression of them takes a line apart and proves its form at once. Read over text in
 * which each character is one byte. A number may still be more than 2^53 - 1.
 */

/** Captures the number. */
export const naturalToken = String.raw`(0|[1-9]\d{0,15})`

/** Captures the number. */
export const integerToken = String.raw`(0|-?[1-9]\d{0,15})`

/** Captures `sha256:` and the digits. */
export const digestToken = '"(sha256:[0-9a-f]{64})"'

/** A string in which nothing is escaped. Captures its bytes, which may still not be UTF-8. */
export const bytesToken = String.raw`"([^\x00-\x1f"\\]*)"`
