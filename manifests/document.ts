import { isUtf8 } from 'node:buffer'
import type * as z from 'zod'
import { FormatError } from './errors.ts'

/** Every document's `format`; a reader refuses all others (format §1.3). */
export const formatVersion = 1

interface DocumentKind<Json, Value> {
  /** For messages: `release`, `manifest header` … */
  readonly name: string
  readonly schema: z.ZodType<Json>
  readonly decode: (json: Json) => Value
  /** The canonical text; a text that differs from it is refused. */
  readonly encode: (value: Value) => string
}

/**
 * Reads one JSON document, or one line of one: strict UTF-8, known format, every field as its schema says, and
 * canonical to the byte. Throws a FormatError that names the failing field.
 */
export function readDocument<Json, Value>(bytes: Uint8Array, kind: DocumentKind<Json, Value>): Value {
  if (!isUtf8(bytes)) throw new FormatError('FORMAT_INVALID', kind.name, 'is not UTF-8')
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
  const json = parseJson(text, kind.name)
  refuseUnknownFormat(json, kind.name)
  const value = kind.decode(checkSchema(json, kind.schema, kind.name))
  if (kind.encode(value) !== text) {
    throw new FormatError('FORMAT_NOT_CANONICAL', kind.name, 'is not in canonical form (RFC 8785)')
  }
  return value
}

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    throw new FormatError('FORMAT_INVALID', name, 'is not JSON', { cause })
  }
}

/** Before the schema, so that a newer document is called newer and not wrong. */
function refuseUnknownFormat(json: unknown, name: string): void {
  if (typeof json !== 'object' || json === null || !('format' in json)) return
  if (json.format === formatVersion) return
  const found = typeof json.format === 'number' ? json.format : `of type ${typeof json.format}`
  throw new FormatError(
    'FORMAT_UNKNOWN',
    name,
    `has format ${found}, and this program reads format ${formatVersion}: a newer version of it may read both`,
    { place: 'format' },
  )
}

function checkSchema<Json>(json: unknown, schema: z.ZodType<Json>, name: string): Json {
  const result = schema.safeParse(json)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const place = issue?.path.map(String).join('.')
  throw new FormatError('FORMAT_INVALID', name, issue?.message.slice(0, 300) ?? 'does not match its schema', {
    place: place === '' ? undefined : place,
  })
}
