import { resolve } from 'node:path'
import type { ConnectionSettings } from '../client/connection-settings.ts'
import { option, repeatableOption } from './parameters.ts'
import { parseProxy } from './parse-proxy.ts'
import { parseRepositoryUrl } from './parse-repository-url.ts'
import { parsePathText } from './setting-parsers.ts'

/** How a machine reaches its repository, besides the URL. */
export const connectionOptions = {
  mirrors: repeatableOption(
    '--mirror <url>',
    'another server that has the repository, asked when those before it fail; may be repeated',
    parseRepositoryUrl,
  ),
  ca: option(
    '--ca <file>',
    "the PEM file of the authority that signs the servers' certificates (default: those that Node.js knows)",
    readPath,
  ),
  clientCertificate: option(
    '--client-certificate <file>',
    'the PEM file of the certificate, with its intermediates, that this machine shows servers',
    readPath,
  ),
  clientKey: option('--client-key <file>', "the PEM file of the certificate's key", readPath),
  proxy: option(
    '--proxy <url>',
    'http://[user:password@]host:port, none, or environment: what HTTPS_PROXY and NO_PROXY say (default)',
    parseProxy,
  ),
}

export interface ConnectionInput {
  readonly mirrors: readonly string[]
  readonly ca: string | undefined
  readonly clientCertificate: string | undefined
  readonly clientKey: string | undefined
  readonly proxy: string | undefined
}

export function checkConnection({ clientCertificate, clientKey }: ConnectionInput): string[] {
  if ((clientCertificate === undefined) === (clientKey === undefined)) return []
  const [given, missing] =
    clientKey === undefined
      ? ['--client-certificate', '--client-key']
      : ['--client-key', '--client-certificate']
  return [`${given}: needs its other half too; give ${missing}`]
}

/** `before` with what was given in its place; undefined when nothing is left that is not the default. */
export function connectionOf(
  input: ConnectionInput,
  before: ConnectionSettings = {},
): ConnectionSettings | undefined {
  const { mirrors, ca, clientCertificate, clientKey, proxy } = input
  const { proxy: _, ...rest } = before
  const settings: ConnectionSettings = {
    ...(proxy === 'environment' ? rest : before),
    ...(mirrors.length > 0 && { mirrors: [...new Set(mirrors)] }),
    ...(ca !== undefined && { ca }),
    ...(clientCertificate !== undefined && { clientCertificate }),
    ...(clientKey !== undefined && { clientKey }),
    ...(proxy !== undefined && proxy !== 'environment' && { proxy }),
  }
  return Object.keys(settings).length === 0 ? undefined : settings
}

function readPath(text: string): string {
  return resolve(parsePathText(text))
}
