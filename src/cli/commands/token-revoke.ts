import type { Token } from '../../access/token-document.ts'
import { defineCommand } from '../command.ts'
import { tokenJson } from '../describe-token.ts'
import { argument } from '../parameters.ts'
import { parseTokenId } from '../parse-token-id.ts'
import { recordAccess } from '../record-access.ts'

/** `vend token revoke` */
export const tokenRevokeCommand = defineCommand({
  path: 'token revoke',
  summary: 'end a token for ever',
  description: 'Servers learn of it within 10 seconds. What the token has published stays as it is.',
  examples: ['token revoke ovqxg2lmmfzxi3dp'],
  arguments: { id: argument('id', 'its id, as "vend token list" shows it', parseTokenId) },
  options: {},
  settings: ['store'],
  exitCodes: ['unknown', 'store', 'damage'],
  run: async ({ id }, context): Promise<{ readonly token: Token; readonly now: Date }> => {
    const { revokeToken } = await import('../../access/revoke-token.ts')
    const now = context.now()
    const token = await revokeToken(id, { store: context.settings.store, now })
    await recordAccess(context, { what: 'token revoke', target: id, outcome: 'done' })
    return { token, now }
  },
  answer: ({ token, now }) => ({
    json: { token: tokenJson(token, now) },
    text: () => `The token ${token.id} (${token.name}) is revoked: servers refuse it within 10 seconds.\n`,
  }),
})
