import type { IncomingMessage } from 'node:http'

/** A proxy's way to ask, `GET http://host/path`, means the path here. */
export function useOriginForm(req: IncomingMessage): void {
  const { url = '' } = req
  const origin = /^https?:\/\/[^/?]*/i.exec(url)?.[0]
  if (origin === undefined) return
  const rest = url.slice(origin.length)
  req.url = rest.startsWith('/') ? rest : `/${rest}`
}

/** As it was sent, without its query. */
export function pathOf({ url = '' }: IncomingMessage): string {
  const end = url.search(/[?#]/)
  return end < 0 ? url : url.slice(0, end)
}
