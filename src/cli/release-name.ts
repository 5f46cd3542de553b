import type { Channel } from '../../manifests/channel.ts'
import { parseChannelName, parseModuleName, parseVersion } from '../../manifests/names.ts'
import type { Release } from '../../manifests/release.ts'
import type { CallOptions } from '../../storage/blob-store.ts'
import type { Repository } from '../repository/repository.ts'
import { quote } from './setting-parsers.ts'

/** How people name a release: by its version, or by a channel that points to it. Numbers are versions. */
export type ReleaseName =
  | { readonly kind: 'version'; readonly version: number }
  | { readonly kind: 'channel'; readonly channel: string }

export function parseReleaseName(text: string): ReleaseName {
  if (/^\d+$/.test(text)) return { kind: 'version', version: readVersion(text) }
  return { kind: 'channel', channel: readChannelName(text) }
}

/** The release and, when it was named by one, the channel. Throws RELEASE_UNKNOWN or CHANNEL_UNKNOWN. */
export async function findRelease(
  repository: Repository,
  name: ReleaseName,
  options: CallOptions,
): Promise<{ readonly release: Release; readonly channel: Channel | undefined }> {
  if (name.kind === 'version') {
    return { release: await repository.release(name.version, options), channel: undefined }
  }
  const channel = await repository.channel(name.channel, options)
  return { release: await repository.release(channel.version, options), channel }
}

export function readVersion(text: string): number {
  return withoutDocument(() => parseVersion(text))
}

/** Refuses numbers: they would be taken for versions wherever either may stand. */
export function readChannelName(text: string): string {
  if (/^\d+$/.test(text)) throw new Error(`${quote(text)} is a number, and would be taken for a version`)
  return withoutDocument(() => parseChannelName(text))
}

export function readModuleName(text: string): string {
  return withoutDocument(() => parseModuleName(text))
}

/** The messages of format errors begin with the document they are about, which the caller names better. */
function withoutDocument<Value>(parse: () => Value): Value {
  try {
    return parse()
  } catch (error) {
    if (!(error instanceof Error)) throw error
    throw new Error(error.message.replace(/^[a-z]+: /, ''), { cause: error })
  }
}
