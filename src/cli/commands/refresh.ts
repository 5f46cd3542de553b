import type { ExpiringRole, RefreshOutcome } from '../../repository/refresh.ts'
import { isDelegated, roleNames, type RoleName } from '../../trust/role.ts'
import { formatInstant } from '../../../manifests/fields.ts'
import { defineCommand } from '../command.ts'
import { openKeyRing } from '../open-key-ring.ts'
import { flag, repeatableOption } from '../parameters.ts'
import { lifetimesByRole, parseLifetimes } from '../parse-lifetime.ts'
import { formatPairs } from '../table.ts'

interface Refreshed extends Pick<RefreshOutcome, 'renewed' | 'expiring'> {
  readonly expires: Readonly<Record<RoleName, string>>
}

/** `vend refresh` */
export const refreshCommand = defineCommand({
  path: 'refresh',
  summary: 'sign metadata anew before they expire',
  description:
    'Signs the snapshot and the timestamp anew, so that machines may trust them for another term; releases and ' +
    'channels too, when half of their life is over and their keys are in the key directory. Nothing else changes. To ' +
    'be run daily from a timer, also where the key of channels is: machines refuse channels that nobody has signed for ' +
    'their lifetime. With --all every role is signed anew, also root and targets: to be run once a year, where all keys ' +
    'are. With --lifetime signatures are good for another time from now on, which the keys of root sign, or those of ' +
    'targets for releases and channels. It says what expires soon.',
  examples: ['refresh', 'refresh --all --keys /media/offline/keys', 'refresh --lifetime channels=3d'],
  arguments: {},
  options: {
    all: flag('--all', 'sign every role anew; needs the keys of all roles'),
    lifetime: repeatableOption(
      '--lifetime <role=time…>',
      'for how long signatures of the role are good from now on; needs the keys of root, or of targets',
      parseLifetimes,
    ),
  },
  settings: ['store', 'keys'],
  exitCodes: ['missing', 'conflict', 'trust', 'store', 'damage'],
  afterInterruption: 'run the same command again',
  run: async ({ all, lifetime }, commandContext): Promise<Refreshed> => {
    const { settings, now, signal, progress } = commandContext
    const keys = openKeyRing(commandContext)
    const { expiryDates, refreshExpiry } = await import('../../repository/refresh.ts')
    const context = { store: settings.store, keys, now: now(), signal }
    const lifetimes = lifetimesByRole(lifetime)
    if (lifetime.length > 0) {
      const { setLifetimes } = await import('../../repository/set-lifetimes.ts')
      await setLifetimes(context, lifetimes)
    }
    const named = roleNames.filter((role) => lifetimes[role] !== undefined)
    const { state, renewed, expiring } = await refreshExpiry(context, { all, named })
    for (const each of expiring) progress.note(`vend: ${warningOf(each)}`)
    if (expiring.length > 0) progress.note(`  hint: run ${wayOutOf(expiring)}`)
    const dates = expiryDates(state)
    const instants = roleNames.map((role) => [role, formatInstant(dates[role])] as const)
    return { expires: Object.fromEntries(instants) as Record<RoleName, string>, renewed, expiring }
  },
  answer: ({ expires, renewed, expiring }) => ({
    json: {
      expires,
      renewed,
      expiring: expiring.map(({ role, hasKey }) => ({ role, expires: expires[role], hasKey })),
    },
    text: ({ bold }) =>
      `${bold(`Signed anew: ${renewed.join(', ')}.`)} Metadata expire:\n` +
      formatPairs(roleNames.map((role) => [role, expires[role]])),
  }),
})

function wayOutOf(expiring: readonly ExpiringRole[]): string {
  if (!expiring.every(({ role }) => isDelegated(role)))
    return '"vend refresh --all" where the keys of all roles are'
  return `"vend refresh" where the keys of ${expiring.map(({ role }) => role).join(' and ')} are`
}

function warningOf({ role, expires, hasKey }: ExpiringRole): string {
  const fate = `the metadata of the role "${role}" expires on ${formatInstant(expires)}: machines refuse it from then on`
  return hasKey ? fate : `${fate}; the key that renews it is not here`
}
