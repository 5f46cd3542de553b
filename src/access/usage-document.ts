import { createHash } from 'node:crypto'
import * as z from 'zod'
import { canonicalJson } from '../../manifests/canonical-json.ts'
import { formatVersion, readDocument } from '../../manifests/document.ts'
import { naturalField, textField } from '../../manifests/fields.ts'

/** What one principal took on one day. */
export interface UsageDay {
  readonly subject: string
  /** Of UTC: `2026-01-31`. */
  readonly day: string
  /** Bytes, by the process that counted them. */
  readonly counts: ReadonlyMap<string, number>
}

/** Of the day that was counted last: a new day takes the place of the one before. */
export function usageKey(subject: string): string {
  return `private/usage/${createHash('sha256').update(subject).digest('hex')}.json`
}

const usageSchema = z.strictObject({
  counts: z.record(z.string().regex(/^[0-9a-f]{16}$/, 'is not the name of a counter'), naturalField),
  day: z.iso.date(),
  format: z.literal(formatVersion),
  subject: textField(4096),
})

const usageDocument = {
  name: 'usage',
  schema: usageSchema,
  decode: ({ subject, day, counts }: z.output<typeof usageSchema>): UsageDay => ({
    subject,
    day,
    counts: new Map(Object.entries(counts)),
  }),
  encode: encodeUsage,
}

/** Throws a FormatError that names the field. */
export function decodeUsage(bytes: Uint8Array): UsageDay {
  return readDocument(bytes, usageDocument)
}

export function encodeUsage({ subject, day, counts }: UsageDay): string {
  return canonicalJson({ counts: Object.fromEntries(counts), day, format: formatVersion, subject })
}
