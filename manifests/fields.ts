import * as z from 'zod'
import { parseDigest, type Digest } from './digest.ts'
import { byteStringFromText, textOf } from './tree-path.ts'

/** The field types that several documents share (format §1). */

export const naturalField = z.int().min(0)

export const digestField = z.string().transform((text, context): Digest => {
  try {
    return parseDigest(text)
  } catch {
    context.addIssue('is not sha256: and 64 lower-case hexadecimal digits')
    return z.NEVER
  }
})

/** Unicode text of at most `limit` UTF-16 code units; half a surrogate pair has no UTF-8. */
export function textField(limit: number): z.ZodString {
  return z
    .string()
    .max(limit)
    .refine((text) => text.isWellFormed(), 'contains half a surrogate pair')
}

/** An instant in UTC to the second: `2026-01-31T23:59:59Z`. */
export const instantField = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$/, 'is not an instant such as 2026-01-31T23:59:59Z')
  .refine(isInstant, 'is not an instant in time')

/** Date.parse takes the 31st of any month and 24:00:00, and means the day after. */
function isInstant(text: string): boolean {
  const instant = new Date(text)
  return !Number.isNaN(instant.getTime()) && formatInstant(instant) === text
}

export function formatInstant(instant: Date): string {
  return `${instant.toISOString().slice(0, 19)}Z`
}

/** Bytes that usually are text: a string when they are UTF-8, `{"base64": …}` when they are not (format §1.5). */
export const byteStringField = z.union([z.string(), z.strictObject({ base64: z.base64() })])

export type ByteStringJson = z.output<typeof byteStringField>

export function decodeByteString(json: ByteStringJson): string {
  if (typeof json !== 'string') return Buffer.from(json.base64, 'base64').toString('latin1')
  return byteStringFromText(json)
}

export function encodeByteString(byteString: string): ByteStringJson {
  return textOf(byteString) ?? { base64: Buffer.from(byteString, 'latin1').toString('base64') }
}
