import { once } from 'node:events'
import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
  /** Of a JSON body. */
  readonly json: Record<string, unknown>
}

/** One request on a connection of its own, its path sent as it is: fetch would tidy it up. */
export async function httpGet(options: {
  readonly port: number
  readonly path: string
  readonly headers?: Record<string, string>
  readonly method?: string
}): Promise<Answer> {
  const sent = request({ host: '127.0.0.1', agent: false, ...options }).end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  const pieces: Buffer[] = []
  for await (const piece of response as AsyncIterable<Buffer>) pieces.push(piece)
  const body = Buffer.concat(pieces)
  const isJson = String(response.headers['content-type']).includes('json') && body.length > 0
  const json = isJson ? (JSON.parse(body.toString()) as Record<string, unknown>) : {}
  return { status: response.statusCode ?? 0, headers: response.headers, body, json }
}
