import type { JsonValue } from '../../manifests/canonical-json.ts'
import type { ConnectionSettings } from '../client/connection-settings.ts'
import type { LeftMirror, MirrorReport } from '../client/mirrors.ts'
import { shownProxy } from '../client/proxy.ts'

/** What differs from the defaults, a line each. A proxy's password is never shown. */
export function connectionPairs({
  mirrors = [],
  ca,
  clientCertificate,
  clientKey,
  proxy,
}: ConnectionSettings): (readonly [string, string])[] {
  return [
    ...mirrors.map((url, i) => [i === 0 ? 'mirrors' : '', url] as const),
    ...(ca === undefined ? [] : [['authority', ca] as const]),
    ...(clientCertificate === undefined ? [] : [['certificate', clientCertificate] as const]),
    ...(clientKey === undefined ? [] : [['key', clientKey] as const]),
    ...(proxy === undefined ? [] : [['proxy', shownProxy(proxy)] as const]),
  ]
}

export function connectionJson(settings: ConnectionSettings): Readonly<Record<string, JsonValue>> {
  const { mirrors, ca, clientCertificate, clientKey, proxy } = settings
  return {
    mirrors: mirrors ?? [],
    ca: ca ?? null,
    clientCertificate: clientCertificate ?? null,
    clientKey: clientKey ?? null,
    proxy: proxy === undefined ? null : shownProxy(proxy),
  }
}

/** Which mirror was asked, and why others were left; nothing where there is one server. */
export function mirrorPairs({ used, count, left }: MirrorReport): (readonly [string, string])[] {
  if (count === 1) return []
  return [
    ['mirror', used],
    ...left.map(({ url, reason }, i) => [i === 0 ? 'left' : '', `${url}: ${firstLine(reason)}`] as const),
  ]
}

export function mirrorsJson({ used, left }: MirrorReport): JsonValue {
  return { used, left: left.map(({ url, code, reason }) => ({ url, code, reason })) }
}

/** The note on stderr, when it happens. */
export function describeLeftMirror({ url, code, reason }: LeftMirror, next: string): string {
  return `${code} ${firstLine(reason)}\n  left ${url} for this run; going on with ${next}`
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? ''
}
