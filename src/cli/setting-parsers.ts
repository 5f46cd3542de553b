import { isIP } from 'node:net'
import type { OpenedStore } from '../../storage/open-store.ts'
import type { QueuePlace } from '../jobs/queue-url.ts'

/** Parsers of settings. What they throw is the end of a sentence that begins with where the value came from. */

export type Environment = Readonly<Record<string, string | undefined>>

/** The store that a URL names, ready for calls; nothing is read before the first of them. */
export async function parseStore(url: string, env: Environment): Promise<OpenedStore> {
  if (/^https?:/.test(url)) return parseRemoteStore(url, env)
  const { openStore, StoreUrlError } = await import('../../storage/open-store.ts')
  try {
    return openStore(url, { env })
  } catch (error) {
    if (!(error instanceof StoreUrlError)) throw error
    throw new Error(error.message.replace(/^store URL: /, ''), { cause: error })
  }
}

/** Where jobs wait. What it throws does not repeat the text, which may hold a password. */
export async function parseQueue(text: string): Promise<QueuePlace> {
  const { parseQueueUrl } = await import('../jobs/queue-url.ts')
  return parseQueueUrl(text)
}

/** A repository behind a server, with the token and the authority that the environment names. */
export async function parseRemoteStore(url: string, env: Environment): Promise<OpenedStore> {
  const { openRemoteStore } = await import('../remote/open-remote-store.ts')
  const { VEND_TOKEN: token, VEND_TOKEN_FILE: tokenFile, VEND_CA: ca } = env
  return openRemoteStore(url, { token, tokenFile, ca, env })
}

/** Messages never repeat it. */
export function parseSecretText(text: string): string {
  if (/^[\x21-\x7e]+$/.test(text.trim())) return text.trim()
  throw new Error('has characters in it that no token has')
}

export interface ListenAddress {
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
}

/** `host:port`, `[::1]:port`, or a port alone, on the loopback interface. */
export function parseListen(text: string): ListenAddress {
  const parts = /^(?:(?:\[([^\]]+)\]|([^:[\]]+)):)?(\d{1,5})$/.exec(text)
  const [, ipv6, name, digits] = parts ?? []
  const port = Number(digits)
  const badHost = ipv6 !== undefined && isIP(ipv6) !== 6
  if (parts === null || badHost || port > 65_535) {
    throw new Error(
      `${quote(text)} is not an address; write host:port, such as 127.0.0.1:8080 or [::]:8080 (all interfaces)`,
    )
  }
  return { host: ipv6 ?? name ?? '127.0.0.1', port }
}

const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

export function parseLogLevel(text: string): LogLevel {
  const level = logLevels.find((known) => known === text)
  if (level !== undefined) return level
  throw new Error(`${quote(text)} is not a log level; write one of ${logLevels.join(', ')}`)
}

export function parsePathText(text: string): string {
  if (text.includes('\0')) throw new Error('contains a NUL byte')
  return text
}

/** Seconds since 1970; https://reproducible-builds.org/docs/source-date-epoch/. */
export function parseSourceDateEpoch(text: string): number {
  const seconds = /^\d+$/.test(text) ? Number(text) : Number.NaN
  // The last second that a document's instants can say.
  if (seconds <= 253_402_300_799) return seconds
  throw new Error(`${quote(text)} is not a number of seconds since 1970-01-01T00:00:00Z`)
}

export function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text)
}
