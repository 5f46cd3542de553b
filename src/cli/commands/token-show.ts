import type { Token } from '../../access/token-document.ts'
import { defineCommand } from '../command.ts'
import { describeToken, tokenJson } from '../describe-token.ts'
import { argument } from '../parameters.ts'
import { parseTokenId } from '../parse-token-id.ts'

/** `vend token show` */
export const tokenShowCommand = defineCommand({
  path: 'token show',
  summary: 'show what a token may do, and until when',
  examples: ['token show ovqxg2lmmfzxi3dp'],
  arguments: { id: argument('id', 'its id, as "vend token list" shows it', parseTokenId) },
  options: {},
  settings: ['store'],
  exitCodes: ['unknown', 'store', 'damage'],
  run: async ({ id }, { settings, signal, now }): Promise<{ readonly token: Token; readonly now: Date }> => {
    const { readToken } = await import('../../access/read-token.ts')
    const { TokenUnknownError } = await import('../../access/token-unknown-error.ts')
    const found = await readToken(settings.store, id, { signal })
    if (found === undefined) throw new TokenUnknownError(id)
    return { token: found.token, now: now() }
  },
  answer: ({ token, now }) => ({
    json: { token: tokenJson(token, now) },
    text: () => describeToken(token, now),
  }),
})
