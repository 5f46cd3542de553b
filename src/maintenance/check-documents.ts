import { channelTargetPath } from '../../manifests/channel.ts'
import { releaseTargetPath, type Release } from '../../manifests/release.ts'
import type { CallOptions } from '../../storage/blob-store.ts'
import { mapInOrder } from '../map-in-order.ts'
import type { Repository } from '../repository/repository.ts'
import { damageOf, type Damage } from './damage.ts'
import { mending, type Mender } from './mender.ts'

const concurrentReads = 16

/** Reads every release and channel. Returns the releases that are whole, ascending. */
export async function checkDocuments(
  repository: Repository,
  damages: Damage[],
  { signal, mender }: CallOptions & { readonly mender?: Mender | undefined },
): Promise<Release[]> {
  const versions = repository.releaseVersions()
  const releases: Release[] = []
  for await (const found of mapInOrder(versions, concurrentReads, (version) =>
    mending(
      async () => readRelease(repository, version, { signal }),
      (checked) => 'problem' in checked,
      mender && (async () => mender.document(releaseTargetPath(version), { signal })),
    ),
  )) {
    if ('problem' in found) damages.push(found)
    else releases.push(found)
  }
  const known = new Set(versions)
  for await (const damage of mapInOrder(repository.channelNames(), concurrentReads, (name) =>
    mending(
      async () => checkChannel(repository, name, known, { signal }),
      (found) => found !== undefined,
      mender && (async () => mender.document(channelTargetPath(name), { signal })),
    ),
  )) {
    if (damage !== undefined) damages.push(damage)
  }
  return releases
}

async function readRelease(
  repository: Repository,
  version: number,
  options: CallOptions,
): Promise<Release | Damage> {
  const damage = { kind: 'release', what: `release ${version}`, touches: [] } as const
  try {
    return await repository.release(version, options)
  } catch (error) {
    return damageOf(error, damage)
  }
}

async function checkChannel(
  repository: Repository,
  name: string,
  known: ReadonlySet<number>,
  options: CallOptions,
): Promise<Damage | undefined> {
  const damage = { kind: 'channel', what: `channel ${name}`, touches: [] } as const
  try {
    const { version, waypoints } = await repository.channel(name, options)
    const missing = [version, ...waypoints].find((one) => !known.has(one))
    return missing === undefined ? undefined : { ...damage, problem: `there is no release ${missing}` }
  } catch (error) {
    return damageOf(error, damage)
  }
}
