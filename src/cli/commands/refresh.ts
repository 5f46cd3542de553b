import { roleNames, type RoleName } from '../../trust/role.ts'
import { formatInstant } from '../../../manifests/fields.ts'
import { defineCommand } from '../command.ts'
import { formatPairs } from '../table.ts'

type Expiries = Readonly<Record<RoleName, Date>>

const soonMs = 30 * 24 * 60 * 60 * 1000

/** `vend refresh` */
export const refreshCommand = defineCommand({
  path: 'refresh',
  summary: 'sign the snapshot and timestamp anew before they expire',
  description:
    'Signs the snapshot and the timestamp anew, so that machines may trust them for another term. Nothing else changes. ' +
    'To be run daily where releases are published less often than that.',
  examples: ['refresh'],
  arguments: {},
  options: {},
  settings: ['store', 'keys'],
  exitCodes: ['missing', 'conflict', 'trust', 'store', 'damage'],
  afterInterruption: 'run the same command again',
  run: async (_input, { settings, now, signal, progress }): Promise<Expiries> => {
    const { expiryDates, refreshExpiry } = await import('../../repository/refresh.ts')
    const { KeyRing } = await import('../../trust/key-ring.ts')
    const keys = new KeyRing(settings.keys)
    const started = now()
    const expiries = expiryDates(await refreshExpiry({ store: settings.store, keys, now: started, signal }))
    for (const role of longTerm) {
      if (expiries[role].getTime() - started.getTime() > soonMs) continue
      progress.note(`vend: the metadata of the role "${role}" expires on ${formatInstant(expiries[role])}`)
    }
    return expiries
  },
  answer: (expiries) => ({
    json: { expires: Object.fromEntries(roleNames.map((role) => [role, formatInstant(expiries[role])])) },
    text: ({ bold }) =>
      `${bold('Signed the snapshot and the timestamp anew.')} Metadata expire:\n` +
      formatPairs(roleNames.map((role) => [role, formatInstant(expiries[role])])),
  }),
})

/** Those that this command does not renew. */
const longTerm = roleNames.filter((role) => role !== 'snapshot' && role !== 'timestamp')
