import * as z from 'zod'
import { canonicalJson } from '../../manifests/canonical-json.ts'
import { formatVersion, readDocument } from '../../manifests/document.ts'
import { textField } from '../../manifests/fields.ts'

export const accessOutcomes = ['done', 'refused', 'failed'] as const

/** One thing that someone did, or tried to. Nothing secret, ever. */
export interface AccessEntry {
  readonly at: Date
  /** The principal's subject, or `local:<user>` for someone with the store's own credentials. */
  readonly who: string
  /** The principal's name, for people. */
  readonly name?: string | undefined
  /** A verb: `publish`, `channel set`, `token create`, `job cancel` … */
  readonly what: string
  /** What it was done to: a release, a channel, a job, a token … */
  readonly target?: string | undefined
  /** refused: not allowed; failed: allowed, and it did not work. */
  readonly outcome: (typeof accessOutcomes)[number]
  /** Of docs/errors.md, of what was refused or failed. */
  readonly code?: string | undefined
  /** Of the HTTP request, as the server's own log has it. */
  readonly requestId?: string | undefined
}

const maxText = 512

const entrySchema = z.strictObject({
  at: z.iso.datetime({ precision: 3 }),
  code: textField(64).optional(),
  format: z.literal(formatVersion),
  name: textField(maxText).optional(),
  outcome: z.enum(accessOutcomes),
  requestId: textField(64).optional(),
  target: textField(maxText).optional(),
  what: textField(maxText),
  who: textField(maxText),
})

type EntryJson = z.output<typeof entrySchema>

const entryDocument = {
  name: 'access log entry',
  schema: entrySchema,
  decode: ({ at, who, name, what, target, outcome, code, requestId }: EntryJson): AccessEntry => ({
    at: new Date(at),
    who,
    name,
    what,
    target,
    outcome,
    code,
    requestId,
  }),
  encode: encodeAccessEntry,
}

/** One line of the log. Throws a FormatError that names the field. */
export function decodeAccessEntry(line: Uint8Array): AccessEntry {
  return readDocument(line, entryDocument)
}

/** Texts are cut to what the log takes, so that no request is refused, or goes unrecorded, for its length. */
export function encodeAccessEntry(entry: AccessEntry): string {
  return canonicalJson({
    at: entry.at.toISOString(),
    code: entry.code,
    format: formatVersion,
    name: fitting(entry.name),
    outcome: entry.outcome,
    requestId: entry.requestId,
    target: fitting(entry.target),
    what: fitting(entry.what),
    who: fitting(entry.who),
  })
}

function fitting(text: string): string
function fitting(text: string | undefined): string | undefined
function fitting(text: string | undefined): string | undefined {
  return text?.slice(0, maxText).toWellFormed()
}
