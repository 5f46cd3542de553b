import * as z from 'zod'
import type { Digest } from '../../manifests/digest.ts'
import { digestField, naturalField } from '../../manifests/fields.ts'
import { LogError } from './errors.ts'

/** What a log is at one moment. */
export interface LogHead {
  /** Which log it is, for ever. */
  readonly origin: string
  /** How many entries it has. */
  readonly size: number
  /** Of the Merkle tree over them. */
  readonly root: Digest
}

const schema = z.strictObject({
  origin: z.string().regex(/^[\w./-]{1,200}$/),
  root: digestField,
  size: naturalField,
})

/** The member `log` of a snapshot; undefined when it has none. Throws LOG_INVALID. */
export function readLogHead(value: unknown): LogHead | undefined {
  if (value === undefined) return undefined
  const { data, error } = schema.safeParse(value)
  if (data !== undefined) return data
  throw new LogError('LOG_INVALID', `the log's head in the snapshot is none: ${error.issues[0]?.message}`)
}

export function isSameHead(a: LogHead, b: LogHead): boolean {
  return a.origin === b.origin && a.size === b.size && a.root === b.root
}

/**
 * Whether `later` may come after `earlier`, as far as that shows without the log itself. Throws LOG_FORKED: a log keeps
 * its origin, never shrinks, and has one root at each size.
 */
export function refuseOtherHistory(earlier: LogHead, later: LogHead | undefined): void {
  if (later === undefined)
    throw new LogError('LOG_FORKED', `the log, which had ${earlier.size} entries, is gone`)
  if (later.origin !== earlier.origin) {
    throw new LogError(
      'LOG_FORKED',
      `the log is another one: it was ${earlier.origin}, and is ${later.origin}`,
    )
  }
  if (later.size < earlier.size) {
    throw new LogError('LOG_FORKED', `the log has shrunk from ${earlier.size} entries to ${later.size}`)
  }
  if (later.size === earlier.size && later.root !== earlier.root) {
    throw new LogError('LOG_FORKED', `the log has two roots at ${later.size} entries`)
  }
}
