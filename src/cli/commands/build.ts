import { statSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { findBuildUser, type BuildUser } from '../../build/build-user.ts'
import { buildRound, type BuildRound, type BuildRoundOptions } from '../build-round.ts'
import { defineCommand } from '../command.ts'
import type { CommandContext } from '../command-context.ts'
import { buildJson, describeBuild } from '../describe-build.ts'
import { describeError } from '../describe-error.ts'
import { isKnownError } from '../exit-codes.ts'
import type { Row } from '../output.ts'
import { argument, flag, negation, option, repeatableOption, requiredOption } from '../parameters.ts'
import { parseCount } from '../parse-count.ts'
import { parsePackSources } from '../parse-pack-sources.ts'
import { readChannelName } from '../release-name.ts'
import { parsePathText } from '../setting-parsers.ts'
import { styleFor } from '../terminal.ts'

const defaultCache = './build-cache'

/** `vend build` */
export const buildCommand = defineCommand({
  path: 'build',
  summary: 'build packages from PKGBUILDs and publish what changed',
  description:
    'Builds every PKGBUILD below a directory whose inputs changed, with makepkg and in the order of their dependencies, ' +
    'splits the tree of all packages into the modules that a modules.yaml describes, and publishes them to a channel as ' +
    'the release after the last. When nothing changed there is no new release; when a build fails the last one stays. ' +
    'As root, PKGBUILDs run as a user of their own; always apart from other processes and without a network. See ' +
    'docs/build.md.',
  examples: [
    'build modules.yaml --packages ./packages',
    'build modules.yaml --packages ./packages --mirror /srv/sources --jobs 8',
    'build modules.yaml --packages ./packages --watch',
  ],
  arguments: { definitions: argument('modules.yaml', 'what the modules are made of', parsePathText) },
  options: {
    packages: requiredOption(
      '--packages <directory>',
      'where the PKGBUILDs are, each in a directory',
      parsePathText,
    ),
    channel: option('--channel <name>', 'the channel that is to point to it (default edge)', readChannelName),
    cache: option(
      '--cache <directory>',
      `where built packages and logs are kept (default ${defaultCache})`,
      parsePathText,
    ),
    mirror: option('--mirror <directory>', 'where sources from elsewhere are, by file name', parsePathText),
    network: flag(
      '--network',
      'let builds use the network, and makepkg fetch sources with a strong checksum',
    ),
    hostProvides: repeatableOption(
      '--host-provides <package>',
      'what the building system has of what is only needed to build: cmake, python=3.11',
      parseProvided,
    ),
    user: option(
      '--build-user <user>',
      'who runs PKGBUILDs, a name or number (default, for root: 60999)',
      readBuildUser,
    ),
    jobs: option(
      '--jobs <count>',
      'how many packages are built at once (default: one a processor)',
      parseCount,
    ),
    packsFrom: option(
      '--packs-from <versions>',
      'make packs from these releases: 10,11 (default auto: those that machines are likely to have)',
      parsePackSources,
    ),
    noPacks: negation('--no-packs', 'make no packs'),
    watch: flag('--watch', 'build again whenever something changes, until SIGINT or SIGTERM'),
  },
  settings: ['store', 'keys', 'sourceDateEpoch'],
  exitCodes: ['missing', 'conflict', 'trust', 'store', 'input', 'damage', 'build'],
  afterInterruption: 'no release is visible of it; packages that were built are kept, and not built again',
  check: ({ definitions, packages, cache, mirror, noPacks, packsFrom }) => [
    ...(isFile(definitions) ? [] : [`MODULES.YAML: there is no file ${definitions}`]),
    ...(isDirectory(packages) ? [] : [`--packages: there is no directory ${packages}`]),
    ...(mirror === undefined || isDirectory(mirror) ? [] : [`--mirror: there is no directory ${mirror}`]),
    ...(isBelow(cache ?? defaultCache, packages)
      ? [`--cache: ${cache ?? defaultCache} lies below ${packages}; name a directory elsewhere`]
      : []),
    ...(noPacks && packsFrom !== undefined
      ? ['--packs-from: which packs to make, and there is --no-packs']
      : []),
  ],
  run: async (input, context): Promise<Outcome> => {
    const options: BuildRoundOptions = {
      ...input,
      packages: resolve(input.packages),
      channel: input.channel ?? 'edge',
      cache: resolve(input.cache ?? defaultCache),
      user: input.user ?? findBuildUser(undefined),
      packsFrom: input.noPacks ? undefined : (input.packsFrom ?? 'auto'),
    }
    if (input.watch) return { kind: 'watch', rows: watchRounds(options, context) }
    return { kind: 'once', round: await buildRound(options, context) }
  },
  answer: (outcome) =>
    outcome.kind === 'once'
      ? { json: buildJson(outcome.round), text: (style) => describeBuild(outcome.round, style) }
      : { json: {}, text: () => '', rows: { name: 'rounds', each: outcome.rows } },
})

type Outcome =
  | { readonly kind: 'once'; readonly round: BuildRound }
  | { readonly kind: 'watch'; readonly rows: AsyncIterable<Row> }

/** A row for each building, until the signal; a failure is told, and waits for the change that mends it. */
async function* watchRounds(
  options: BuildRoundOptions,
  context: CommandContext,
): AsyncGenerator<Row, void, undefined> {
  const { ChangeWatch } = await import('../../build/change-watch.ts')
  const { signal, progress, stdout, env } = context
  using watch = new ChangeWatch(options.packages, options.definitions)
  do {
    try {
      const round = await buildRound(options, context)
      const text = describeBuild(round, styleFor(stdout, env)).replace(/\n$/, '')
      yield { json: buildJson(round), text }
    } catch (error) {
      if (signal.aborted) return
      if (!isKnownError(error)) throw error
      progress.note(describeError(error, 'vend', { verbose: false }).replace(/\n$/, ''))
    }
    progress.note(`vend: watching ${options.packages}`)
  } while (await watch.next(signal))
}

function readBuildUser(text: string): BuildUser {
  return findBuildUser(text)
}

function parseProvided(text: string): string {
  if (/^[^\s<>=]+(?:=[^\s<>=]+)?$/.test(text)) return text
  throw new Error(`"${text}" is no package; write its name, or name=version`)
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

function isBelow(path: string, directory: string): boolean {
  const way = relative(resolve(directory), resolve(path))
  return way === '' || !join(way, '.').startsWith('..')
}
