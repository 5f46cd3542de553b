import type { IncomingMessage } from 'node:http'

/** Whether a proxy's X-Forwarded-For is believed: express's "trust proxy fn", by address and hops from here. */
export type TrustProxy = (address: string, hop: number) => boolean

/** The address of the client, or of the nearest proxy that is not believed. Undefined when it is gone already. */
export function remoteOf({ socket, headers }: IncomingMessage, trust: TrustProxy): string | undefined {
  const forwarded = headers['x-forwarded-for']
  let remote = socket.remoteAddress
  if (forwarded === undefined) return remote
  const proxies = [forwarded].flat().join().split(',').reverse()
  for (const [hop, address] of proxies.entries()) {
    if (remote === undefined || !trust(remote, hop)) return remote
    remote = address.trim()
  }
  return remote
}
