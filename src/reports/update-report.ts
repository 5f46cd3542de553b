import * as z from 'zod'
import { nameField, versionField } from '../../manifests/names.ts'

/**
 * How far an attempt came, in this order. `switch` is the last of an update itself: an update that is `ok` ended
 * there. `boot` is said later, by whoever finds out whether the machine came up from the new root.
 */
export const reportPhases = ['fetch', 'build', 'switch', 'boot'] as const

export type ReportPhase = (typeof reportPhases)[number]

/** A report is never longer than this, in bytes. */
export const maxReportBytes = 512

/** Random, 128 bits, one a machine and channel: two channels' reports cannot be told to be of one machine. */
export const reportIdField = z.string().regex(/^[0-9a-f]{32}$/, 'is not 32 hexadecimal digits')

/** What became of one machine's way to a release. */
export const machineOutcomeFields = {
  /** The release that the machine had; null before its first. */
  from: versionField.nullable(),
  phase: z.enum(reportPhases),
  outcome: z.enum(['ok', 'failed']),
  /** Of what failed (docs/errors.md). */
  code: z
    .string()
    .regex(/^[A-Z][A-Z0-9_]{0,39}$/, 'is not an error code')
    .optional(),
}

const updateReportSchema = z
  .strictObject({
    channel: nameField,
    id: reportIdField,
    /** The release that the machine was to have. */
    to: versionField,
    ...machineOutcomeFields,
  })
  .refine(isSensible, 'what failed has a code; what is ok has none, and is so in the phase switch or boot')

const machineOutcomeSchema = z.strictObject(machineOutcomeFields)

export type MachineOutcome = z.output<typeof machineOutcomeSchema>

/** The body of `POST /v1/reports`: all that a machine says of itself. */
export type UpdateReport = z.output<typeof updateReportSchema>

/** The report, or what is wrong with it, as a sentence. */
export function readUpdateReport(json: unknown): UpdateReport | string {
  const { success, data, error } = updateReportSchema.safeParse(json)
  if (success) return data
  const issue = error.issues[0]
  const place = issue?.path.map(String).join('.') ?? ''
  return `${place === '' ? 'the report' : place}: ${issue?.message.slice(0, 200) ?? 'is not a report'}`
}

function isSensible({ phase, outcome, code }: MachineOutcome): boolean {
  if (outcome === 'failed') return code !== undefined
  return code === undefined && (phase === 'switch' || phase === 'boot')
}
