import type { AccessEntry } from '../../access/access-entry.ts'
import { defineCommand } from '../command.ts'
import { option } from '../parameters.ts'
import { parseSince } from '../parse-since.ts'
import type { Row } from '../output.ts'

/** `vend access log` */
export const accessLogCommand = defineCommand({
  path: 'access log',
  summary: 'show who did what at the servers of this store',
  description:
    'Shows what was done with tokens, and who made and revoked them: when, who, what, to what, how it ended, and the id of the ' +
    "request in the server's own log. Oldest first.",
  examples: ['access log --since 24h', 'access log --since 2026-01-31 --who token:ovqxg2lmmfzxi3dp --json'],
  arguments: {},
  options: {
    since: option('--since <time>', 'from then on: 24h, 7d, 2026-01-31 or 2026-01-31T23:59:59Z', parseSince),
    who: option('--who <subject>', "only what this one did: a subject, or a token's name", readWho),
  },
  settings: ['store'],
  exitCodes: ['store', 'damage'],
  run: async ({ since, who }, { settings, signal, now }): Promise<AsyncIterable<AccessEntry>> => {
    const { readAccessLog } = await import('../../access/read-access-log.ts')
    return readAccessLog(settings.store, { since: since?.(now()), who, signal })
  },
  answer: (entries) => ({
    json: {},
    text: () => '',
    rows: { name: 'entries', each: rowsOf(entries) },
  }),
})

async function* rowsOf(entries: AsyncIterable<AccessEntry>): AsyncGenerator<Row> {
  for await (const entry of entries) {
    const { at, ...rest } = entry
    yield { json: { at: at.toISOString(), ...rest }, text: lineOf(entry) }
  }
}

/** One line, whatever is in it: names come from strangers. */
function lineOf({ at, who, name, what, target, outcome, code, requestId }: AccessEntry): string {
  const person = name === undefined ? who : `${who} (${name})`
  const ending = code === undefined ? outcome : `${outcome} ${code}`
  const parts = [at.toISOString(), person, what, target ?? '-', ending, requestId ?? '-']
  return parts.map((part) => part.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?')).join('  ')
}

function readWho(text: string): string {
  if (text !== '') return text
  throw new Error('is empty; leave it out')
}
