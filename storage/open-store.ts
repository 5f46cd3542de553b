import { fileURLToPath } from 'node:url'
import type { BlobStore } from './blob-store.ts'
import { FilesystemStore } from './filesystem-store.ts'
import { MemoryStore } from './memory-store.ts'
import { RetryingStore } from './retrying-store.ts'
import type { S3Credentials, S3StoreOptions } from './s3-client.ts'
import { S3Store } from './s3-store.ts'

export interface OpenStoreOptions {
  /** Where credentials come from: AWS_ACCESS_KEY_ID and its companions. */
  readonly env: Environment
}

type Environment = Readonly<Record<string, string | undefined>>

export interface OpenedStore extends BlobStore {
  /** Opens it again, in any process with the same environment and working directory. Without credentials. */
  readonly url: string
}

const forms = 'file:./directory, file:///directory, s3://bucket/prefix?endpoint=…&region=… or memory:'
const s3Parameters = new Set(['endpoint', 'region', 'etagQuotes'])

/**
 * The store that a URL names, ready for calls; nothing is read or made before the first of them. Throws a
 * StoreUrlError that says what to write instead, and never repeats credentials.
 *
 * `file:` paths are relative to the working directory unless they begin with a `/`, and percent-encoded as in any
 * URL. `s3:` takes `endpoint` (a server other than AWS), `region`, and `etagQuotes` (`true` or `false`, see S3Store);
 * what is left out comes from AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS_REGION and AWS_DEFAULT_REGION.
 */
export function openStore(url: string, { env }: OpenStoreOptions): OpenedStore {
  return Object.assign(storeAt(url, env), { url })
}

function storeAt(url: string, env: Environment): BlobStore {
  if (url === 'memory:') return new MemoryStore()
  if (url.startsWith('file:')) return new FilesystemStore(filePath(url))
  if (url.startsWith('s3:')) return new RetryingStore(new S3Store(s3Options(url, env)))
  if (/^[a-z][a-z0-9+.-]*:/i.test(url)) throw new StoreUrlError(`not a kind of store; write ${forms}`)
  const path = /^\.{0,2}\//.test(url) ? url : `./${url}`
  throw new StoreUrlError(url === '' ? `empty; write ${forms}` : `a path alone; write file:${path}`)
}

/** A URL that names no store. */
export class StoreUrlError extends Error {
  override readonly name = 'StoreUrlError'
  readonly code = 'STORE_URL_INVALID'

  constructor(problem: string, cause?: unknown) {
    super(`store URL: ${problem}`, { cause })
  }
}

function filePath(url: string): string {
  if (/[?#]/.test(url)) throw new StoreUrlError('a file: URL has no ? or #; write %3F or %23 in a path')
  const path = url.slice('file:'.length)
  if (path === '' || path === '//') throw new StoreUrlError('no directory; write file:./directory')
  try {
    return path.startsWith('/') ? fileURLToPath(url) : decodeURIComponent(path)
  } catch (error) {
    throw new StoreUrlError('not a file: URL; write file:./directory or file:///directory', error)
  }
}

/** What an `s3:` URL says. Throws a StoreUrlError. */
export function s3Options(url: string, env: Environment): S3StoreOptions {
  const parsed = parseUrl(url)
  if (parsed.username !== '' || parsed.password !== '') {
    throw new StoreUrlError(
      'credentials do not belong in it; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    )
  }
  if (!url.startsWith('s3://') || parsed.hostname === '' || parsed.port !== '' || parsed.hash !== '') {
    throw new StoreUrlError('no bucket; write s3://bucket/prefix?endpoint=…&region=…')
  }
  checkParameters(parsed.searchParams)
  const endpoint =
    parsed.searchParams.get('endpoint') ?? env['AWS_ENDPOINT_URL_S3'] ?? env['AWS_ENDPOINT_URL']
  const region = parsed.searchParams.get('region') ?? env['AWS_REGION'] ?? env['AWS_DEFAULT_REGION']
  return {
    bucket: parsed.hostname,
    prefix: s3Prefix(parsed.pathname),
    endpoint: endpoint === undefined ? undefined : checkEndpoint(endpoint),
    region: region ?? 'us-east-1',
    credentials: credentialsIn(env),
    etagQuotes: readFlag(parsed.searchParams, 'etagQuotes'),
  }
}

function parseUrl(url: string): URL {
  try {
    return new URL(url)
  } catch (error) {
    throw new StoreUrlError('not a URL; write s3://bucket/prefix?endpoint=…&region=…', error)
  }
}

function checkParameters(parameters: URLSearchParams): void {
  for (const name of parameters.keys()) {
    if (!s3Parameters.has(name)) {
      throw new StoreUrlError(`unknown parameter "${name}"; there are ${[...s3Parameters].join(', ')}`)
    }
    if (parameters.getAll(name).length > 1) throw new StoreUrlError(`${name} is given twice`)
  }
}

function s3Prefix(pathname: string): string {
  const prefix = pathname.replace(/^\//, '').replace(/\/$/, '')
  if (prefix === '' || /^[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/.test(prefix)) return prefix
  throw new StoreUrlError('the prefix is names of [A-Za-z0-9._-] joined by "/"')
}

function checkEndpoint(endpoint: string): string {
  const parsed = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  const valid =
    parsed !== undefined &&
    (parsed.protocol === 'http:' || parsed.protocol === 'https:') &&
    parsed.username === '' &&
    parsed.password === '' &&
    parsed.search === ''
  if (!valid) throw new StoreUrlError('the endpoint is not of the form https://host or http://host:port')
  return endpoint
}

function readFlag(parameters: URLSearchParams, name: string): boolean | undefined {
  const value = parameters.get(name)
  if (value === null) return undefined
  if (value === 'true' || value === 'false') return value === 'true'
  throw new StoreUrlError(`${name} is true or false`)
}

function credentialsIn(env: Environment): S3Credentials | undefined {
  const accessKeyId = env['AWS_ACCESS_KEY_ID']
  const secretAccessKey = env['AWS_SECRET_ACCESS_KEY']
  if (accessKeyId === undefined && secretAccessKey === undefined) return undefined
  if (accessKeyId === undefined || secretAccessKey === undefined) {
    throw new StoreUrlError('AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are set together or not at all')
  }
  return { accessKeyId, secretAccessKey, sessionToken: env['AWS_SESSION_TOKEN'] }
}
