import type { Grant } from '../../access/grant.ts'
import type { Token } from '../../access/token-document.ts'
import { defineCommand } from '../command.ts'
import { describeToken, tokenJson } from '../describe-token.ts'
import { argument, flag, option, repeatableOption, requiredOption } from '../parameters.ts'
import { parseBytes } from '../parse-bytes.ts'
import { parseCount } from '../parse-count.ts'
import { parseDuration } from '../parse-duration.ts'
import { parseModulesPart, parsePatterns, publishGrant } from '../parse-grants.ts'
import { recordAccess } from '../record-access.ts'
import { parsePathText } from '../setting-parsers.ts'
import { UsageError } from '../usage-error.ts'
import { TokenFile } from '../token-file.ts'

interface Created {
  readonly token: Token
  /** Undefined when it is in a file. */
  readonly text: string | undefined
  readonly file: string | undefined
  readonly now: Date
}

interface GrantInput {
  readonly publish: readonly (readonly string[])[]
  readonly channels: readonly (readonly string[])[]
  readonly ingest: boolean
  readonly watch: boolean
  readonly operate: boolean
  readonly administer: boolean
}

/** `vend token create` */
export const tokenCreateCommand = defineCommand({
  path: 'token create',
  summary: 'make a token for a publisher, a CI system or an operator',
  description:
    'Makes a token for the servers of this store, which learn of it by themselves. The store keeps a hash of it only: it is ' +
    'shown this once, or written to a file that only its owner can read. What it may do is what is listed, together one ' +
    'grant of publishing: the modules whose changes it may publish, and the channels that it may change. * stands for any ' +
    'characters. It never changes; make another, and revoke this one.',
  examples: [
    'token create nightly --publish modules=base,web --channels beta --expires 90d',
    'token create release --publish "modules=*" --channels "*" --expires 30d --write release.token',
    'token create night-watch --watch --expires 366d --write watch.token',
  ],
  arguments: { name: argument('name', 'whom or what it is for', parseTokenName) },
  options: {
    publish: repeatableOption(
      '--publish <modules=names>',
      'publish releases that change these modules; may be repeated',
      parseModulesPart,
    ),
    channels: repeatableOption('--channels <names>', 'change these channels; may be repeated', parsePatterns),
    ingest: flag('--ingest', 'send trees for the server to publish'),
    watch: flag('--watch', 'read jobs'),
    operate: flag('--operate', 'start gc, verify, mirror and packs, and cancel any job'),
    administer: flag('--administer', 'change keys, and what else is neither release nor channel'),
    expires: requiredOption('--expires <time>', 'how long it is good for, at most 366d', parseDuration),
    requestsPerMinute: option(
      '--requests-per-minute <count>',
      'what it may ask of each server at most (default: no limit)',
      parseCount,
    ),
    bytesPerDay: option(
      '--bytes-per-day <size>',
      'what it may send to all servers together at most (default: no limit)',
      parseBytes,
    ),
    write: option('--write <file>', 'write the token to this file, and show it nowhere', parsePathText),
  },
  settings: ['store'],
  exitCodes: ['conflict', 'store'],
  check: (input) =>
    grantsOf(input).length > 0 ? [] : ['what it may do is missing: --publish, --channels, …'],
  run: async (input, context): Promise<Created> => {
    const { createToken } = await import('../../access/create-token.ts')
    const { name, expires, requestsPerMinute, bytesPerDay, write } = input
    if (context.asJson && write === undefined) {
      throw new UsageError(['--json: its answer has no secrets; name a file for the token with --write'])
    }
    await using file = write === undefined ? undefined : await TokenFile.create(write)
    const now = context.now()
    const limits = { requestsPerMinute, bytesPerDay }
    const request = { name, grants: grantsOf(input), lifetimeSeconds: expires, limits }
    const { token, text } = await createToken(request, { store: context.settings.store, now })
    await recordAccess(context, { what: 'token create', target: token.id, outcome: 'done' })
    await file?.keep(text)
    return { token, text: file === undefined ? text : undefined, file: write, now }
  },
  answer: ({ token, text, file, now }) => ({
    json: { token: tokenJson(token, now), file },
    text: ({ bold }) =>
      `Made a token.\n${describeToken(token, now)}\n` +
      (text === undefined
        ? `It is in ${file}, and nowhere else.\n`
        : `${bold(text)}\n\nThis is the only time that it is shown.\n`),
  }),
})

function grantsOf(input: GrantInput): Grant[] {
  const publish = publishGrant(input.publish, input.channels)
  const plain = (['ingest', 'watch', 'operate', 'administer'] as const).filter((may) => input[may])
  return [...(publish === undefined ? [] : [publish]), ...plain.map((may) => ({ may }))]
}

function parseTokenName(text: string): string {
  if (text !== '' && text.length <= 100 && !/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(text) && text.isWellFormed()) {
    return text
  }
  throw new Error('is not a name of 1 to 100 visible characters')
}
