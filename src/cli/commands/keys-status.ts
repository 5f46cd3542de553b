import type { JsonValue } from '../../../manifests/canonical-json.ts'
import type { KeyRing } from '../../trust/key-ring.ts'
import type { RepositoryState } from '../../repository/repository-state.ts'
import { roleNames, soonBefore, type RoleName } from '../../trust/role.ts'
import { defineCommand } from '../command.ts'
import { shortId } from '../describe-draft.ts'
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
    'expire. Exit code 12 when some expire soon (the last 60 days, or the last third of a shorter term), 6 when some have ' +
    'expired. Asks for no passphrase.',
  examples: ['keys status', 'keys status --json'],
  arguments: {},
  options: {},
  settings: ['store', 'keys'],
  exitCodes: ['missing', 'trust', 'store', 'damage', 'expiring'],
  run: async (_input, context): Promise<Status> => {
    const { roleKeysOf } = await import('../../repository/role-keys.ts')
    const { state, keys } = await openRepository(context)
    const now = context.now()
    const roles = roleNames.map((role) => {
      const { keyIds, threshold } = roleKeysOf(state, role)
      return { ...termOf(role, state, now), threshold, keys: keyIds.map((id) => keyWith(id, role, keys)) }
    })
    for (const { role, state: term, expires } of roles) {
      if (term !== 'good') context.progress.note(`vend: ${warningOf(role, term, expires)}`)
    }
    const unknown = roleNames.flatMap((role) =>
      keys
        .keys(role)
        .filter(({ signer }) => !roleKeysOf(state, role).keyIds.includes(signer.key.keyID))
        .map(({ path, signer }) => ({ role, id: signer.key.keyID, path })),
    )
    return { roles, unknown }
  },
  answer: ({ roles, unknown }) => ({
    json: { roles: roles as unknown as JsonValue, unknown: [...unknown] },
    text: ({ bold }) => {
      const columns = ['role', 'version', 'expires', 'to sign', 'key', 'where'].map((title) => ({ title }))
      const rows = roles.flatMap(({ role, version, expires, state, threshold, keys }) =>
        keys.map(({ id, path }, i) => [
          ...(i === 0
            ? [
                role,
                String(version),
                state === 'good' ? expires : `${expires} ${state}`,
                `${threshold} of ${keys.length}`,
              ]
            : ['', '', '', '']),
          shortId(id),
          path ?? 'not here',
        ]),
      )
      const strangers = unknown.map(({ id, path }) => `  ${shortId(id)}  ${path}\n`).join('')
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
  now: Date,
): Pick<RoleStatus, 'role' | 'version' | 'expires' | 'state'> {
  const { version, expires } = state[role].metadata.signed
  const leftMs = new Date(expires).getTime() - now.getTime()
  return {
    role,
    version,
    expires,
    state: leftMs <= 0 ? 'expired' : leftMs < soonBefore(role) ? 'soon' : 'good',
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
