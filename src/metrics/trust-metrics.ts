import { Gauge, type Registry } from 'prom-client'
import { expiryDates } from '../repository/refresh.ts'
import { lifetimesIn, type RepositoryState } from '../repository/repository-state.ts'
import { roleNames } from '../trust/role.ts'

/**
 * What the signed metadata says of itself, as a function that looks. What expires is told as the instant at which it
 * does: whoever asks subtracts the time, and an answer that is late is none the worse.
 */
export function trustMetrics(
  registry: Registry,
  readState: () => Promise<RepositoryState>,
): () => Promise<void> {
  const registers = [registry]
  const readable = new Gauge({
    name: 'vend_repository_readable',
    help: 'Whether the repository could be read and verified just now: 1 or 0.',
    registers,
  })
  const releases = new Gauge({
    name: 'vend_releases',
    help: 'Releases that the repository lists.',
    registers,
  })
  const labelNames = ['role'] as const
  const expires = new Gauge({
    name: 'vend_metadata_expires_timestamp_seconds',
    help: 'When the signed metadata of a role expires, in seconds since 1970.',
    labelNames,
    registers,
  })
  const signed = new Gauge({
    name: 'vend_metadata_signed_timestamp_seconds',
    help: 'When the metadata of a role was signed, in seconds since 1970: its expiry less the lifetime of the role.',
    labelNames,
    registers,
  })
  const version = new Gauge({
    name: 'vend_metadata_version',
    help: 'The version of the signed metadata of a role.',
    labelNames,
    registers,
  })
  /** Better nothing than what was true once. */
  const forget = (): void => {
    readable.set(0)
    releases.remove()
    for (const gauge of [expires, signed, version]) gauge.reset()
  }
  const note = (state: RepositoryState): void => {
    readable.set(1)
    releases.set(Object.keys(state.releases.metadata.signed.targets).length)
    const [dates, lifetimes] = [expiryDates(state), lifetimesIn(state)]
    for (const role of roleNames) {
      const seconds = dates[role].getTime() / 1000
      expires.set({ role }, seconds)
      signed.set({ role }, seconds - lifetimes[role])
      version.set({ role }, state[role].metadata.signed.version)
    }
  }
  forget()
  return async () => {
    try {
      note(await readState())
    } catch {
      forget()
    }
  }
}
