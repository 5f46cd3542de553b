import { statSync } from 'node:fs'
import type { BlobReader } from '../../storage/blob-store.ts'
import type { ConnectionSettings } from '../client/connection-settings.ts'
import type { Environment } from './setting-parsers.ts'

/** Something that a repository, or a part of one, can be read from. */
export interface ReadablePlace {
  readonly reader: BlobReader
  readonly canList: boolean
}

const chunkStoreScheme = 'casync:'
const timeoutMs = 30_000

/** A place as a person names it: a store's URL, a served repository's, or `casync:DIRECTORY`. */
export function parsePlace(text: string): string {
  if (/^(?:https?|file|s3|memory|casync):/.test(text)) return text
  if (statSync(text, { throwIfNoEntry: false })?.isFile() === true) return text
  throw new Error(
    `${JSON.stringify(text)} names no repository; write file:DIRECTORY, s3://bucket/prefix, https://host/path or a file of "vend mirror --offline"`,
  )
}

/** Whether a place is a mirror in a file. */
export function isOfflineFile(place: string): boolean {
  return !/^[a-z0-9]+:/.test(place)
}

/** Opens a place for reading; `opened` ends it. Throws STORE_URL_INVALID, and what connections throw. */
export async function openPlace(
  place: string,
  {
    env,
    connection = {},
    opened,
  }: {
    readonly env: Environment
    readonly connection?: ConnectionSettings | undefined
    readonly opened: AsyncDisposableStack
  },
): Promise<ReadablePlace> {
  if (/^https?:/.test(place))
    return { reader: await openHttp(place, env, connection, opened), canList: false }
  if (isOfflineFile(place)) {
    const { OfflineReader } = await import('../maintenance/mirror/offline-reader.ts')
    return { reader: await OfflineReader.open(place), canList: true }
  }
  const { openStore } = await import('../../storage/open-store.ts')
  if (!place.startsWith(chunkStoreScheme))
    return { reader: opened.use(openStore(place, { env })), canList: true }
  const { ChunkStoreReader } = await import('../maintenance/repair/chunk-store-reader.ts')
  const store = opened.use(openStore(`file:${place.slice(chunkStoreScheme.length)}`, { env }))
  return { reader: new ChunkStoreReader(store), canList: false }
}

async function openHttp(
  url: string,
  env: Environment,
  connection: ConnectionSettings,
  opened: AsyncDisposableStack,
): Promise<BlobReader> {
  const { HttpReader } = await import('../maintenance/mirror/http-reader.ts')
  const { Connections } = await import('../client/connections.ts')
  const { parseRepositoryUrl } = await import('./parse-repository-url.ts')
  const baseUrl = parseRepositoryUrl(url)
  const ownOrigins = [new URL(baseUrl).origin]
  const connections = opened.use(
    new Connections({ settings: connection, env, ownOrigins, timeoutMs, connections: 16 }),
  )
  return new HttpReader({ baseUrl, dispatcherOf: (each) => connections.dispatcher(each) })
}
