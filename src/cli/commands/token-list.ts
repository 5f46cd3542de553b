import { formatInstant } from '../../../manifests/fields.ts'
import { describeGrant } from '../../access/grant.ts'
import type { Token } from '../../access/token-document.ts'
import { defineCommand } from '../command.ts'
import { tokenJson, tokenState } from '../describe-token.ts'
import { formatTable } from '../table.ts'

/** `vend token list` */
export const tokenListCommand = defineCommand({
  path: 'token list',
  summary: 'list the tokens',
  description: 'Lists every token that was made, also those that are expired or revoked.',
  examples: ['token list', 'token list --json'],
  arguments: {},
  options: {},
  settings: ['store'],
  exitCodes: ['store', 'damage'],
  run: async (
    _input,
    { settings, signal, now },
  ): Promise<{ readonly tokens: readonly Token[]; readonly now: Date }> => {
    const { listTokens } = await import('../../access/list-tokens.ts')
    const tokens = await Array.fromAsync(listTokens(settings.store, { signal }))
    tokens.sort((a, b) => a.created.getTime() - b.created.getTime() || (a.id < b.id ? -1 : 1))
    return { tokens, now: now() }
  },
  answer: ({ tokens, now }) => ({
    json: { tokens: tokens.map((token) => tokenJson(token, now)) },
    text: () =>
      formatTable(
        columns,
        tokens.map((token) => [
          token.id,
          token.name,
          tokenState(token, now),
          formatInstant(token.expires),
          token.grants.map(describeGrant).join('; '),
        ]),
      ),
  }),
})

const columns = ['ID', 'NAME', 'STATE', 'EXPIRES', 'MAY'].map((title) => ({ title }))
