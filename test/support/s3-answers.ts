import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface CannedServer extends AsyncDisposable {
  readonly endpoint: string
  /** Method, path and query, headers of what was asked. */
  readonly requests: readonly CannedRequest[]
}

export interface CannedRequest {
  readonly line: string
  readonly headers: IncomingMessage['headers']
}

/** A server on 127.0.0.1 that answers as it is told, after it has read the request's body. */
export async function answerWith(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<CannedServer> {
  const requests: CannedRequest[] = []
  const server = createServer((request, response) => {
    requests.push({ line: `${request.method} ${request.url}`, headers: request.headers })
    request.resume().once('end', () => answer(request, response))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** What S3 servers send with an error. */
export function answerError(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'content-type': 'application/xml' })
  response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>in words</Message></Error>`)
}
