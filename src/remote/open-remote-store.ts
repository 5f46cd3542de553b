import { RemoteConnection, type RemoteConnectionOptions } from './remote-connection.ts'
import { RemoteStore } from './remote-store.ts'
import { TokenSource } from './token-source.ts'

export interface OpenRemoteOptions extends Pick<
  RemoteConnectionOptions,
  'ca' | 'env' | 'userAgent' | 'backoff'
> {
  readonly token?: string | undefined
  readonly tokenFile?: string | undefined
  readonly maxBatchBytes?: number | undefined
}

/** The repository behind a server; nothing is asked before the first call. Throws TLS_FILES_INVALID. */
export function openRemoteStore(
  url: string,
  { token, tokenFile, maxBatchBytes, ...options }: OpenRemoteOptions,
): RemoteStore & { readonly url: string } {
  const baseUrl = remoteBase(url)
  const connection = new RemoteConnection({
    ...options,
    baseUrl,
    token: new TokenSource({ token, file: tokenFile }),
  })
  const store = new RemoteStore(connection, maxBatchBytes === undefined ? {} : { maxBatchBytes })
  return Object.assign(store, { url: baseUrl })
}

const loopback = new Set(['localhost', '127.0.0.1', '[::1]'])

/** With a slash at its end. Throws a RangeError that says what is wrong with it. */
export function remoteBase(text: string): string {
  const url = URL.parse(text)
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new RangeError('not the URL of a server; write https://host/')
  }
  if (url.username !== '' || url.password !== '')
    throw new RangeError('a token does not belong in it; set VEND_TOKEN_FILE')
  if (url.search !== '' || url.hash !== '') throw new RangeError('a server has no ? or # in its URL')
  if (url.protocol === 'http:' && !loopback.has(url.hostname)) {
    throw new RangeError('anyone on the way could read the token: write https://')
  }
  return url.href.endsWith('/') ? url.href : `${url.href}/`
}
