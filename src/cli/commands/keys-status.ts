import type { JsonValue } from '../../../manifests/canonical-json.ts'
import type { KeyRing } from '../../trust/key-ring.ts'
import type { RepositoryState } from '../../repository/repository-state.ts'
import { roleKeysOf } from '../../trust/role-keys.ts'
import { roleNames, type RoleName } from '../../trust/role.ts'
import { warningMs } from '../../trust/lifetime.ts'
import { shortKeyId } from '../../trust/public-key.ts'
import { defineCommand } from '../command.ts'
import { formatTerm } from '../format-term.ts'
import { openRepository } from '../open-repository.ts'
import { formatTable } from '../table.ts'

interface StatusKey {
  readonly id: string
  /** Where its file is; undefined when the key directory has none. */
  readonly path: string | undefined
  readonly kind: string | undefined
}

interface RoleStatus {
  readonly role: RoleName
  readonly version: number
  readonly expires: string
  /** For which its signatures are good. */
  readonly lifetimeSeconds: number
  readonly state: 'good' | 'soon' | 'expired'
  readonly threshold: number
  readonly keys: readonly StatusKey[]
}

interface Status {
  readonly roles: readonly RoleStatus[]
  /** Key files that the repository does not know. */
  readonly unknown: readonly { readonly role: RoleName; readonly id: string; readonly path: string }[]
}

/** `vend keys status` */
export const keysStatusCommand = defineCommand({
  path: 'keys status',
  summary: 'show roles, their keys, and until when they are good',
  description:
    'Shows for every role which keys may sign, how many of them have to, where they are, and when the metadata ' +
    'expire. Exit code 12 when some expire soon (the last 60 days, or the last third of a shorter life), 6 when some have ' +
    'expired. Asks for no passphrase.',
  examples: ['keys status', 'keys status --json'],
  arguments: {},
  options: {},
  settings: ['store', 'keys'],
  exitCodes: ['missing', 'trust', 'store', 'damage', 'expiring'],
  run: async (_input, context): Promise<Status> => {
    const { delegatorsOf, lifetimesIn } = await import('../../repository/repository-state.ts')
    const { state, keys } = await openRepository(context)
    const now = context.now()
    const [delegators, lifetimes] = [delegatorsOf(state), lifetimesIn(state)]
    const roles = roleNames.map((role) => {
      const { keyIds, threshold } = roleKeysOf(delegators, role)
      const term = termOf(role, state, lifetimes[role], now)
      return { ...term, threshold, keys: keyIds.map((id) => keyWith(id, role, keys)) }
    })
    for (const { role, state: term, expires } of roles) {
      if (term !== 'good') context.progress.note(`vend: ${warningOf(role, term, expires)}`)
    }
    const unknown = roleNames.flatMap((role) =>
      keys
        .keys(role)
        .filter(({ signer }) => !roleKeysOf(delegators, role).keyIds.includes(signer.key.keyID))
        .map(({ path, signer }) => ({ role, id: signer.key.keyID, path })),
    )
    return { roles, unknown }
  },
  answer: ({ roles, unknown }) => ({
    json: { roles: roles as unknown as JsonValue, unknown: [...unknown] },
    text: ({ bold }) => {
      const columns = ['role', 'version', 'expires', 'life', 'to sign', 'key', 'where'].map((title) => ({
        title,
      }))
      const rows = roles.flatMap(({ role, version, expires, lifetimeSeconds, state, threshold, keys }) =>
        keys.map(({ id, path }, i) => [
          ...(i === 0
            ? [
                role,
                String(version),
                state === 'good' ? expires : `${expires} ${state}`,
                formatTerm(lifetimeSeconds),
                `${threshold} of ${keys.length}`,
              ]
            : ['', '', '', '', '']),
          shortKeyId(id),
          path ?? 'not here',
        ]),
      )
      const strangers = unknown.map(({ id, path }) => `  ${shortKeyId(id)}  ${path}\n`).join('')
      return (
        formatTable(columns, rows) +
        (strangers === ''
          ? ''
          : `\n${bold('Keys that the repository does not know')} (yet, or no more):\n${strangers}`)
      )
    },
  }),
  exitCode: ({ roles }) => {
    if (roles.some(({ state }) => state === 'expired')) return 'trust'
    return roles.some(({ state }) => state === 'soon') ? 'expiring' : 'ok'
  },
})

function termOf(
  role: RoleName,
  state: RepositoryState,
  lifetimeSeconds: number,
  now: Date,
): Omit<RoleStatus, 'threshold' | 'keys'> {
  const { version, expires } = state[role].metadata.signed
  const leftMs = new Date(expires).getTime() - now.getTime()
  return {
    role,
    version,
    expires,
    lifetimeSeconds,
    state: leftMs <= 0 ? 'expired' : leftMs < warningMs(lifetimeSeconds) ? 'soon' : 'good',
  }
}

function keyWith(id: string, role: RoleName, keys: KeyRing): StatusKey {
  const found = keys.keys(role).find(({ signer }) => signer.key.keyID === id)
  return { id, path: found?.path, kind: found?.kind }
}

function warningOf(role: RoleName, term: 'soon' | 'expired', expires: string): string {
  return term === 'expired'
    ? `the metadata of the role "${role}" have expired on ${expires}: machines refuse them`
    : `the metadata of the role "${role}" expire on ${expires}: machines refuse them from then on`
}
