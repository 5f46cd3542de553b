import * as z from 'zod'
import { canonicalJson } from '../../manifests/canonical-json.ts'
import { digestFromHex, hexOf, type Digest } from '../../manifests/digest.ts'
import { LogError } from './errors.ts'

/** A document that became visible (format §14.2). */
export interface LogEntry {
  /** Of the TUF target: `releases/20.json`, `channels/stable.json`. */
  readonly path: string
  readonly length: number
  readonly digest: Digest
}

const format = 'vend.log/1'

const schema = z.strictObject({
  format: z.literal(format),
  length: z.int().min(0),
  path: z.string().regex(/^(?:releases|channels)\/[a-z0-9][a-z0-9._-]*\.json$/),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
})

export function encodeLogEntry({ path, length, digest }: LogEntry): Buffer {
  return Buffer.from(canonicalJson({ format, length, path, sha256: hexOf(digest) }))
}

/** Throws LOG_INVALID with `place` in front. */
export function decodeLogEntry(bytes: Buffer, place: string): LogEntry {
  const { path, length, sha256 } = parse(bytes, place)
  const entry = { path, length, digest: digestFromHex(sha256) }
  if (encodeLogEntry(entry).equals(bytes)) return entry
  throw new LogError('LOG_INVALID', `${place}: is not in canonical form (RFC 8785)`)
}

function parse(bytes: Buffer, place: string): z.output<typeof schema> {
  try {
    return schema.parse(JSON.parse(bytes.toString('utf8')))
  } catch (cause) {
    throw new LogError('LOG_INVALID', `${place}: is no entry of this log`, { cause })
  }
}
