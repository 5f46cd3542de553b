import * as z from 'zod'
import { canonicalJson } from '../../manifests/canonical-json.ts'
import { formatVersion, readDocument } from '../../manifests/document.ts'
import { naturalField } from '../../manifests/fields.ts'
import { nameField, versionField } from '../../manifests/names.ts'
import type { OutcomeGroup } from './outcome-tally.ts'
import { machineOutcomeFields } from './update-report.ts'

/** What one front end heard of the machines that went to one release of one channel. */
export interface TallyDocument {
  readonly channel: string
  readonly release: number
  readonly outcomes: readonly OutcomeGroup[]
  /** How many reports came of machines that there was no room for. */
  readonly beyond: number
}

const prefix = 'private/reports/'

/** Everything that was heard of one release of one channel lies below this. */
export function tallyPrefix(channel: string, release: number): string {
  return `${prefix}${channel}/${release}/`
}

/** `writer` is of whoever writes the object, and of nobody else: so front ends never overwrite one another. */
export function tallyKey(channel: string, release: number, writer: string): string {
  return `${tallyPrefix(channel, release)}${writer}.json`
}

const groupSchema = z.strictObject({
  ...machineOutcomeFields,
  machines: z.string().regex(/^(?:[0-9a-f]{12})*$/, 'is not a row of fingerprints'),
  minutes: z.array(naturalField),
})

const tallySchema = z.strictObject({
  beyond: naturalField,
  channel: nameField,
  format: z.literal(formatVersion),
  outcomes: z.array(groupSchema),
  release: versionField,
})

const tallyDocument = {
  name: 'reports',
  schema: tallySchema,
  decode: ({ format: _format, outcomes, ...rest }: z.output<typeof tallySchema>): TallyDocument => ({
    ...rest,
    outcomes: outcomes.map((group) => ({ ...group, machines: fingerprintsIn(group.machines) })),
  }),
  encode: encodeTally,
}

/** Throws a FormatError that names the field. */
export function decodeTally(bytes: Uint8Array): TallyDocument {
  return readDocument(bytes, tallyDocument)
}

export function encodeTally({ outcomes, ...tally }: TallyDocument): string {
  return canonicalJson({
    ...tally,
    format: formatVersion,
    outcomes: outcomes.map((group) => ({ ...group, machines: hexOf(group.machines) })),
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
