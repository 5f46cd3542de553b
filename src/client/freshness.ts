import { join } from 'node:path'
import { MachineError } from './errors.ts'
import { readIfThere } from './read-if-there.ts'

/** Until when the metadata that a machine keeps may be trusted. */
export interface Freshness {
  /** An instant such as 2026-01-31T23:59:59Z. */
  readonly until: string
  /** The role whose metadata is the first to expire. */
  readonly role: string
}

const roles = ['timestamp', 'snapshot', 'targets', 'channels', 'releases', 'root'] as const

/** Of what was verified and kept by a refresh: it asks nobody. Throws MACHINE_INVALID. */
export function freshnessOf(trustDirectory: string): Freshness {
  const dates = roles.flatMap((role) => {
    const until = expiryIn(join(trustDirectory, `${role}.json`))
    return until === undefined ? [] : [{ role, until }]
  })
  const [first] = dates.sort((a, b) => Date.parse(a.until) - Date.parse(b.until))
  if (first !== undefined) return first
  throw new MachineError('MACHINE_INVALID', `there is no metadata in ${trustDirectory}`)
}

function expiryIn(path: string): string | undefined {
  const bytes = readIfThere(path)
  if (bytes === undefined) return undefined
  return (JSON.parse(bytes.toString('utf8')) as { signed: { expires: string } }).signed.expires
}
