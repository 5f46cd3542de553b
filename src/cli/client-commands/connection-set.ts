import type { MachineSettings } from '../../client/machine-state.ts'
import { defineCommand } from '../command.ts'
import { checkConnection, connectionOf, connectionOptions } from '../connection-options.ts'
import { connectionJson, connectionPairs } from '../describe-connection.ts'
import { openMachine } from '../open-machine.ts'
import { negation, option } from '../parameters.ts'
import { parseRepositoryUrl } from '../parse-repository-url.ts'
import { formatPairs } from '../table.ts'

type Reached = Pick<MachineSettings, 'url' | 'connection'>

/** `vend-client connection set` */
export const connectionSetCommand = defineCommand({
  path: 'connection set',
  summary: 'reach the repository in another way',
  description:
    'Changes what is given and leaves the rest as it is. The mirrors given are all there are then. The files of ' +
    'certificates and keys are read now, and again by each run: renew them where they lie. Whom the machine trusts ' +
    'does not change: another server must have the same repository.',
  examples: [
    'connection set --mirror https://mirror.example.org/os --mirror https://other.example.net/os',
    'connection set --ca /etc/vend/ca.pem --client-certificate /etc/vend/me.pem --client-key /etc/vend/me.key',
    'connection set --proxy http://proxy.example.org:3128 --no-mirror',
  ],
  arguments: {},
  options: {
    url: option('--url <url>', 'the first server to ask', parseRepositoryUrl),
    ...connectionOptions,
    noMirrors: negation('--no-mirror', 'no mirrors any more'),
    noCa: negation('--no-ca', 'the authorities that Node.js knows again'),
    noClientCertificate: negation('--no-client-certificate', 'no client certificate any more, and no key'),
  },
  settings: ['machine'],
  exitCodes: ['missing', 'conflict', 'store', 'damage'],
  check: (input) => {
    const problems = checkConnection(input)
    const { noMirrors, noCa, noClientCertificate, url, ...given } = input
    const isEmpty = Object.values(given).every((value) => value === undefined || value.length === 0)
    const isNothing = isEmpty && url === undefined && !noMirrors && !noCa && !noClientCertificate
    return isNothing ? ['there is nothing to change: give --url, --mirror, --ca or another option'] : problems
  },
  run: async (input, context): Promise<Reached> => {
    const { readTlsFiles } = await import('../../client/tls-files.ts')
    const machine = await openMachine(context)
    const before = machine.status().settings
    const connection = connectionOf(input, without(before.connection ?? {}, input))
    readTlsFiles(connection ?? {}, context.now())
    const url = input.url ?? before.url
    machine.setConnection(url, connection)
    return { url, connection }
  },
  answer: ({ url, connection = {} }) => ({
    json: { url, ...connectionJson(connection) },
    text: ({ bold }) =>
      `${bold('The repository is reached in this way now:')}\n` +
      formatPairs([['repository', url], ...connectionPairs(connection)]) +
      '"vend-client check" tries it.\n',
  }),
})

function without(
  before: NonNullable<Reached['connection']>,
  {
    noMirrors,
    noCa,
    noClientCertificate,
  }: { noMirrors: boolean; noCa: boolean; noClientCertificate: boolean },
): NonNullable<Reached['connection']> {
  const { mirrors, ca, clientCertificate, clientKey, ...rest } = before
  return {
    ...rest,
    ...(!noMirrors && mirrors !== undefined && { mirrors }),
    ...(!noCa && ca !== undefined && { ca }),
    ...(!noClientCertificate &&
      clientCertificate !== undefined &&
      clientKey !== undefined && { clientCertificate, clientKey }),
  }
}
