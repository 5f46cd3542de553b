import * as z from 'zod'
import { canonicalJson } from './canonical-json.ts'
import { formatVersion, readDocument } from './document.ts'
import { FormatError } from './errors.ts'
import { naturalField, textField } from './fields.ts'
import { nameField, versionField } from './names.ts'

/** A signed, mutable pointer to a release (format §6); the TUF target `channels/<name>.json`. */
export interface Channel {
  readonly channel: string
  readonly version: number
  /** What the channel pointed to before; absent on a channel's first release. */
  readonly previous?: number | undefined
  /** Releases that older machines must pass through, ascending. */
  readonly waypoints: readonly number[]
  readonly rollout: Rollout
  /** While true, no machine starts to move. */
  readonly halted: boolean
}

export interface Rollout {
  /** How many machines of 10,000 may move. */
  readonly fraction: number
  /** Which: those with XXH64(`<seed>:<machine id>`) mod 10,000 below the fraction (format §6). */
  readonly seed: string
}

export const wholeFleet = 10_000

const channelSchema = z.strictObject({
  channel: nameField,
  format: z.literal(formatVersion),
  halted: z.boolean(),
  previous: versionField.optional(),
  rollout: z.strictObject({ fraction: naturalField.max(wholeFleet), seed: textField(64) }),
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
  return canonicalJson({ ...channel, rollout: { ...channel.rollout }, format: formatVersion })
}

export function channelTargetPath(name: string): string {
  return `channels/${name}.json`
}

function checkChannel(channel: Channel): Channel {
  const unsorted = channel.waypoints.some((version, i) => i > 0 && version <= (channel.waypoints[i - 1] ?? 0))
  if (unsorted) {
    throw new FormatError('FORMAT_INVALID', 'channel', 'must ascend, each version once', {
      place: 'waypoints',
    })
  }
  return channel
}
