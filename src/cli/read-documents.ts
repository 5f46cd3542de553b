import type { Channel } from '../../manifests/channel.ts'
import type { Release } from '../../manifests/release.ts'
import type { CallOptions } from '../../storage/blob-store.ts'
import { BoundedTasks } from '../bounded-tasks.ts'
import type { Repository } from '../repository/repository.ts'

const concurrentReads = 16

/** By version, ascending. */
export async function readAllReleases(repository: Repository, options: CallOptions): Promise<Release[]> {
  return readAll(repository.releaseVersions(), (version) =>
    repository.release(version, { signal: options.signal }),
  )
}

/** By name. */
export async function readAllChannels(repository: Repository, options: CallOptions): Promise<Channel[]> {
  return readAll(repository.channelNames(), (name) => repository.channel(name, { signal: options.signal }))
}

async function readAll<Name, Document>(
  names: readonly Name[],
  read: (name: Name) => Promise<Document>,
): Promise<Document[]> {
  const documents = new Map<number, Document>()
  const tasks = new BoundedTasks(concurrentReads)
  for (const [i, name] of names.entries()) {
    await tasks.start(async () => {
      documents.set(i, await read(name))
    })
  }
  await tasks.finish()
  return names.flatMap((_, i) => documents.get(i) ?? [])
}
