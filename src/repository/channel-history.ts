import type { Metadata, Targets } from '@tufjs/models'
import { channelTargetPath, decodeChannel, type Channel } from '../../manifests/channel.ts'
import { digestFromHex, digestOf } from '../../manifests/digest.ts'
import { FormatError } from '../../manifests/errors.ts'
import type { CallOptions } from '../../storage/blob-store.ts'
import { verifies } from '../trust/verify-metadata.ts'
import { targetKey } from './layout.ts'
import { readBlob } from './read-blob.ts'
import { readNumberedTargets } from './read-numbered.ts'
import type { Repository } from './repository.ts'
import { signedAtOf } from './signed-at.ts'

/** A document that a channel had, or has. */
export interface ChannelEdition {
  readonly channel: Channel
  /** When the metadata that first listed it was signed; of old ones that do not say so, when the store took it. */
  readonly at: Date
  /** The version of that metadata. */
  readonly metadata: number
}

/** How many numbers of the channels metadata are looked at: each is a request to the store. */
const maxMetadata = 1000

interface Listed {
  readonly hex: string
  readonly at: Date
  readonly metadata: number
}

/**
 * The documents of a channel, newest first, at most `limit`, out of the numbered metadata in the store. What the
 * present keys of channels did not sign is passed over, and so are documents that are no longer there; a commit that
 * died or lost a race may have left a number that nobody ever saw.
 */
export async function* readChannelHistory(
  repository: Repository,
  name: string,
  { signal, limit }: CallOptions & { readonly limit: number },
): AsyncGenerator<ChannelEdition, void, undefined> {
  let count = 0
  for await (const listed of readListed(repository, name, { signal })) {
    if (count === limit) return
    const channel = await readEdition(repository, name, listed, { signal })
    if (channel === undefined) continue
    yield { channel, at: listed.at, metadata: listed.metadata }
    count++
  }
}

/** The digests that the metadata lists one after another, each with the oldest of the metadata in a row that list it. */
async function* readListed(
  { store, state }: Repository,
  name: string,
  options: CallOptions,
): AsyncGenerator<Listed, void, undefined> {
  const newest = state.channels.metadata.signed.version
  let listed: Listed | undefined
  for (let version = newest; version > Math.max(0, newest - maxMetadata); version--) {
    const found = await readNumberedTargets(store, 'channels', version, options)
    if (found === undefined || found === 'missing') continue
    const { metadata, info } = found
    // Who can write to the store must not choose what a later document of the channel is made of.
    if (!verifies(state.targets.metadata, 'channels', metadata)) continue
    const hex = digestIn(metadata, name)
    if (listed !== undefined && hex !== listed.hex) yield listed
    listed =
      hex === undefined
        ? undefined
        : { hex, at: signedAtOf(metadata.signed) ?? info.modified, metadata: version }
  }
  if (listed !== undefined) yield listed
}

function digestIn({ signed: { targets } }: Metadata<Targets>, name: string): string | undefined {
  const path = channelTargetPath(name)
  return Object.hasOwn(targets, path) ? targets[path]?.hashes['sha256'] : undefined
}

async function readEdition(
  { store }: Repository,
  name: string,
  { hex }: Listed,
  options: CallOptions,
): Promise<Channel | undefined> {
  try {
    const digest = digestFromHex(hex)
    const blob = await readBlob(store, targetKey(channelTargetPath(name), digest), options)
    return blob === undefined || digestOf(blob.bytes) !== digest ? undefined : decodeChannel(blob.bytes)
  } catch (error) {
    if (error instanceof FormatError) return undefined
    throw error
  }
}
