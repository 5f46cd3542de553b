import type { Channel } from '../../../manifests/channel.ts'
import type { Release } from '../../../manifests/release.ts'
import type { CallOptions } from '../../../storage/blob-store.ts'
import type { Repository } from '../../repository/repository.ts'

/** Which releases stay listed. */
export interface RetentionPolicy {
  /** So many of the latest, at least 1; undefined: all. */
  readonly keepLast?: number | undefined
  /** These too, whatever else is said. */
  readonly pins: readonly number[]
}

export interface KeptRelease {
  readonly version: number
  /** Each reason once, for people. */
  readonly why: readonly string[]
}

export interface Retention {
  readonly kept: readonly KeptRelease[]
  /** Ascending. */
  readonly retired: readonly number[]
}

/**
 * What stays: the latest release, those that channels name in any way, those that a kept one requires, pins, and the
 * last `keepLast`. Everything else is to be retired.
 */
export async function decideRetention(
  repository: Repository,
  { keepLast, pins }: RetentionPolicy,
  options: CallOptions = {},
): Promise<Retention> {
  const versions = repository.releaseVersions()
  const reasons = new Map<number, Set<string>>(versions.map((version) => [version, new Set()]))
  const keep = (version: number | undefined, why: string): void => {
    if (version !== undefined) reasons.get(version)?.add(why)
  }
  keep(versions.at(-1), 'the latest')
  const last = keepLast === undefined ? versions : versions.slice(-keepLast)
  for (const version of last)
    keep(version, keepLast === undefined ? 'all are kept' : `of the last ${keepLast}`)
  for (const version of pins) keep(version, 'pinned')
  for (const name of repository.channelNames()) {
    for (const [version, what] of namedBy(await repository.channel(name, options))) {
      keep(version, `${what} of channel ${name}`)
    }
  }
  if (keepLast !== undefined) await keepRequired(repository, reasons, options)
  const kept = versions.filter((version) => (reasons.get(version)?.size ?? 0) > 0)
  return {
    kept: kept.map((version) => ({ version, why: [...(reasons.get(version) ?? [])] })),
    retired: versions.filter((version) => !kept.includes(version)),
  }
}

/** Releases that machines of a channel have, pass through, or may be ordered back to without another word. */
function namedBy({ version, previous, waypoints, rollback }: Channel): [number | undefined, string][] {
  return [
    [version, 'the release'],
    [previous, 'the release before'],
    [rollback?.from, 'left by a rollback'],
    ...waypoints.map((waypoint): [number, string] => [waypoint, 'a waypoint']),
  ]
}

/** A machine that is below it goes by way of the first release that is not. */
async function keepRequired(
  repository: Repository,
  reasons: ReadonlyMap<number, Set<string>>,
  options: CallOptions,
): Promise<void> {
  const waiting = [...reasons].filter(([, why]) => why.size > 0).map(([version]) => version)
  for (let version = waiting.pop(); version !== undefined; version = waiting.pop()) {
    const { requires }: Release = await repository.release(version, options)
    if (requires === undefined) continue
    const first = [...reasons.keys()].find((one) => one >= requires)
    const why = first === undefined ? undefined : reasons.get(first)
    if (first === undefined || why === undefined || first >= version) continue
    if (why.size === 0) waiting.push(first)
    why.add(`required by release ${version}`)
  }
}
