import * as z from 'zod'
import { canonicalJson } from '../../manifests/canonical-json.ts'
import { formatVersion, readDocument } from '../../manifests/document.ts'
import { naturalField } from '../../manifests/fields.ts'
import { nameField, versionField } from '../../manifests/names.ts'
import type { OutcomeGroup } from './outcome-tally.ts'
import { machineOutcomeFields } from './update-report.ts'

/** What was heard of some of the machines that went to one release. */
export interface ReleaseTally {
  readonly release: number
  /** The minute since 1970 in which a report of it was stored last, or some before. */
  readonly heard: number
  readonly outcomes: readonly OutcomeGroup[]
  /** About how many reports came of machines that there was no room for. */
  readonly beyond: number
}

/** What was heard of those of a channel's machines whose ids begin with one digit; releases ascend. */
export interface ReportShard {
  readonly channel: string
  readonly releases: readonly ReleaseTally[]
}

/** A machine is always in the same: all that front ends ever store of a channel is in these. */
export const shardDigits = Array.from({ length: 16 }, (_, digit) => digit.toString(16))

/** The first digit of the machine's report id. */
export function shardDigitOf(machine: number): string {
  return Math.floor(machine / 2 ** 44).toString(16)
}

export function shardKey(channel: string, digit: string): string {
  return `private/reports/${channel}/${digit}.json`
}

const groupSchema = z.strictObject({
  ...machineOutcomeFields,
  machines: z.string().regex(/^(?:[0-9a-f]{12})*$/, 'is not a row of fingerprints'),
  minutes: z.array(naturalField),
})

const shardSchema = z.strictObject({
  channel: nameField,
  format: z.literal(formatVersion),
  releases: z.array(
    z.strictObject({
      beyond: naturalField,
      heard: naturalField,
      outcomes: z.array(groupSchema),
      release: versionField,
    }),
  ),
})

const shardDocument = {
  name: 'reports',
  schema: shardSchema,
  decode: ({ channel, releases }: z.output<typeof shardSchema>): ReportShard => ({
    channel,
    releases: releases.map(({ outcomes, ...rest }) => ({
      ...rest,
      outcomes: outcomes.map((group) => ({ ...group, machines: fingerprintsIn(group.machines) })),
    })),
  }),
  encode: encodeShard,
}

/** Throws a FormatError that names the field. */
export function decodeShard(bytes: Uint8Array): ReportShard {
  return readDocument(bytes, shardDocument)
}

export function encodeShard({ channel, releases }: ReportShard): string {
  return canonicalJson({
    channel,
    format: formatVersion,
    releases: releases.map(({ outcomes, ...tally }) => ({
      ...tally,
      outcomes: outcomes.map((group) => ({ ...group, machines: hexOf(group.machines) })),
    })),
  })
}

const fingerprintBytes = 6

function hexOf(fingerprints: readonly number[]): string {
  const bytes = Buffer.alloc(fingerprints.length * fingerprintBytes)
  for (const [i, fingerprint] of fingerprints.entries()) {
    bytes.writeUIntBE(fingerprint, i * fingerprintBytes, fingerprintBytes)
  }
  return bytes.toString('hex')
}

function fingerprintsIn(text: string): number[] {
  const bytes = Buffer.from(text, 'hex')
  return Array.from({ length: bytes.length / fingerprintBytes }, (_, i) =>
    bytes.readUIntBE(i * fingerprintBytes, fingerprintBytes),
  )
}
