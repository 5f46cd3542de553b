import * as z from 'zod'
import { canonicalJson } from './canonical-json.ts'
import { formatVersion, readDocument } from './document.ts'
import { FormatError } from './errors.ts'
import { instantField, textField } from './fields.ts'
import { nameField, versionField } from './names.ts'
import { checkRollout, fractionAt, rolloutSchema, type Rollout } from './rollout.ts'

/** A signed, mutable pointer to a release (format §6); the TUF target `channels/<name>.json`. */
export interface Channel {
  readonly channel: string
  readonly version: number
  /** What the channel pointed to before; absent on a channel's first release. */
  readonly previous?: number | undefined
  /** Releases that older machines must pass through, ascending. */
  readonly waypoints: readonly number[]
  readonly rollout: Rollout
  /** While true, no machine that has a release starts to move. */
  readonly halted: boolean
  /** Of a halted channel, and of no other. */
  readonly halt?: Halt | undefined
  /** Orders machines back to `version`; without it none goes to a lower release. */
  readonly rollback?: Rollback | undefined
}

/** The fraction of a channel's rollout at an instant, of 10,000; of a halted channel that at the halt. */
export function reachedBy({ rollout, halt }: Pick<Channel, 'rollout' | 'halt'>, instant: Date): number {
  return fractionAt(rollout, halt === undefined ? instant : new Date(halt.at))
}

export interface Halt {
  /** Since when the rollout stands still, as an instant such as 2026-01-31T23:59:59Z. */
  readonly at: string
  readonly reason?: string | undefined
}

export interface Rollback {
  /** The last release that machines are to leave: those from above `version` up to it. */
  readonly from: number
  readonly reason: string
}

/** Of a reason, in UTF-16 code units. */
export const maxReasonLength = 200

const reasonField = textField(maxReasonLength).min(1)

const channelSchema = z.strictObject({
  channel: nameField,
  format: z.literal(formatVersion),
  halt: z.strictObject({ at: instantField, reason: reasonField.optional() }).optional(),
  halted: z.boolean(),
  previous: versionField.optional(),
  rollback: z.strictObject({ from: versionField, reason: reasonField }).optional(),
  rollout: rolloutSchema,
  version: versionField,
  waypoints: z.array(versionField),
})

const channelDocument = {
  name: 'channel',
  schema: channelSchema,
  decode: ({ format: _format, ...channel }: z.output<typeof channelSchema>): Channel => checkChannel(channel),
  encode: encodeChannel,
}

/** Throws a FormatError that names the field. */
export function decodeChannel(bytes: Uint8Array): Channel {
  return readDocument(bytes, channelDocument)
}

export function encodeChannel(channel: Channel): string {
  return canonicalJson({ ...channelJson(channel), format: formatVersion })
}

/** What a channel document says, in plain objects. */
export function channelJson(channel: Channel) {
  const { halt, rollback, rollout, ...others } = channel
  return {
    ...others,
    rollout: { ...rollout, steps: rollout.steps.map(({ at, fraction }) => ({ at, fraction })) },
    ...(halt !== undefined && { halt: { ...halt } }),
    ...(rollback !== undefined && { rollback: { ...rollback } }),
  }
}

export function channelTargetPath(name: string): string {
  return `channels/${name}.json`
}

function checkChannel(channel: Channel): Channel {
  const { waypoints, rollout, halted, halt, rollback, version } = channel
  if (waypoints.some((waypoint, i) => i > 0 && waypoint <= (waypoints[i - 1] ?? 0))) {
    throw invalid('waypoints', 'must ascend, each version once')
  }
  checkRollout(rollout)
  if (halted && halt === undefined) throw invalid('halt', 'is missing, and the channel is halted')
  if (!halted && halt !== undefined) throw invalid('halt', 'is there, and the channel is not halted')
  if (rollback !== undefined && rollback.from <= version) {
    throw invalid('rollback.from', 'must be above the version that it leads to')
  }
  return channel
}

function invalid(place: string, problem: string): FormatError {
  return new FormatError('FORMAT_INVALID', 'channel', problem, { place })
}
