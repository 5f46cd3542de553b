import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { digestOf, type Digest } from '../../../manifests/digest.ts'
import { parseChannelName } from '../../../manifests/names.ts'
import type { MachineSettings } from '../../client/machine-state.ts'
import type { LeftMirror } from '../../client/mirrors.ts'
import { defineCommand } from '../command.ts'
import { checkConnection, connectionOf, connectionOptions } from '../connection-options.ts'
import { connectionJson, connectionPairs, describeLeftMirror } from '../describe-connection.ts'
import { argument, flag, negation, option, requiredOption } from '../parameters.ts'
import { parseRepositoryUrl } from '../parse-repository-url.ts'
import { parseTrust, type TrustArgument } from '../parse-trust.ts'
import type { Progress } from '../progress.ts'
import { readModuleName } from '../release-name.ts'
import type { Environment } from '../setting-parsers.ts'
import { settingsTable } from '../settings-table.ts'
import { formatPairs } from '../table.ts'

interface Made {
  readonly machine: string
  readonly url: string
  readonly channel: string
  readonly modules: MachineSettings['modules']
  readonly connection: MachineSettings['connection']
  readonly root: Digest
  /** That the channel is at; undefined when nobody asked. */
  readonly release: number | undefined
}

/** `vend-client init` */
export const initCommand = defineCommand({
  path: 'init',
  summary: 'make a machine that follows a repository',
  description:
    'Makes the directory of a machine that trusts one repository and follows a channel of it. The server is asked ' +
    'first, so that a mistake shows now; "vend-client update" then installs. Whom to trust must come from a source ' +
    'that is trusted already, not from the server: the file root.json that "vend init" made, or its digest.',
  examples: [
    'init https://updates.example.org/os --trust root.json',
    'init https://updates.example.org/os --trust sha256:0f3c… --channel testing --modules base,web',
    'init https://updates.example.org/os --trust root.json --mirror https://mirror.example.net/os',
    'init http://127.0.0.1:8080 --trust keys/root.json --machine ./machine',
  ],
  arguments: { url: argument('url', "the repository's URL", parseRepositoryUrl) },
  options: {
    trust: requiredOption(
      '--trust <root>',
      "the repository's root.json, or its digest: sha256:<digest>",
      parseTrust,
    ),
    channel: option('--channel <name>', 'the channel to follow (default stable)', readChannel),
    modules: option('--modules <names>', 'the modules to install: base,web (default: all)', readModules),
    noOptional: negation('--no-optional', 'leave out the modules that only come along with those'),
    ...connectionOptions,
    offline: flag('--offline', 'do not ask the server whether all of it is there; needs a file to trust'),
  },
  settings: ['machine'],
  exitCodes: ['conflict', 'unknown', 'trust', 'store'],
  afterInterruption: 'run the same command again',
  check: (input) => [
    ...(input.offline && input.trust.kind === 'digest'
      ? ['--offline: the root of a digest has to be fetched; give a file with --trust']
      : []),
    ...checkConnection(input),
  ],
  run: async (input, { settings, signal, env, now, progress }): Promise<Made> => {
    const { Machine } = await import('../../client/machine.ts')
    const { MachineLayout } = await import('../../client/machine-layout.ts')
    const directory = resolve(settings.machine)
    const following = {
      url: input.url,
      channel: input.channel ?? 'stable',
      modules: input.modules ?? ('all' as const),
      connection: connectionOf(input),
    }
    // Of a machine that is there already nothing is asked: create says so.
    const isThere = existsSync(new MachineLayout(directory).settings)
    const { offline, noOptional } = input
    const { trustedRoot, release, modules } = isThere
      ? { trustedRoot: Buffer.alloc(0), release: undefined, modules: following.modules }
      : await ask(input.trust, { ...following, noOptional }, { offline, signal, env, now: now(), progress })
    const made = { ...following, modules }
    Machine.create({ directory, trustedRoot, ...made })
    return { machine: directory, ...made, root: digestOf(trustedRoot), release }
  },
  answer: (made) => ({
    json: {
      machine: made.machine,
      url: made.url,
      channel: made.channel,
      modules: made.modules,
      root: made.root,
      release: made.release ?? null,
      connection: connectionJson(made.connection ?? {}),
    },
    text: ({ bold }) =>
      `${bold(`Made a machine in ${made.machine}.`)}\n` +
      formatPairs([
        ['repository', made.url],
        ...connectionPairs(made.connection ?? {}),
        ['trusts', made.root],
        ['channel', made.channel + (made.release === undefined ? '' : `, at release ${made.release}`)],
        ['modules', made.modules === 'all' ? 'all' : made.modules.join(', ')],
      ]) +
      `\nWhat to do next:\n  vend-client update${machineFlag(made.machine)}\n`,
  }),
})

interface Asking {
  readonly offline: boolean
  readonly signal: AbortSignal
  readonly env: Environment
  readonly now: Date
  readonly progress: Progress
}

async function ask(
  trust: TrustArgument,
  following: Pick<Made, 'url' | 'channel' | 'modules' | 'connection'> & { readonly noOptional: boolean },
  { offline, signal, env, now, progress }: Asking,
): Promise<Pick<Made, 'modules' | 'release'> & { readonly trustedRoot: Buffer }> {
  const { findTrustedRoot } = await import('../trusted-root.ts')
  const { lookAtRepository } = await import('../look-at-repository.ts')
  const { readTlsFiles } = await import('../../client/tls-files.ts')
  readTlsFiles(following.connection ?? {}, now)
  const server = {
    ...following,
    env,
    onMirrorLeft: (left: LeftMirror, next: string) => progress.note(describeLeftMirror(left, next)),
  }
  const trustedRoot = await findTrustedRoot(trust, server, signal)
  if (offline) return { trustedRoot, release: undefined, modules: following.modules }
  return { trustedRoot, ...(await lookAtRepository({ ...server, trustedRoot }, signal)) }
}

function readChannel(text: string): string {
  try {
    return parseChannelName(text)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    throw new Error(error.message.replace(/^channel: /, ''), { cause: error })
  }
}

function readModules(text: string): string[] {
  return [...new Set(text.split(',').map(readModuleName))].sort()
}

function machineFlag(directory: string): string {
  return directory === settingsTable.machine.default ? '' : ` --machine ${directory}`
}
