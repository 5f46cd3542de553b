import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import { STATUS_CODES } from 'node:http'
import { describeProblem, ProblemError } from './problem.ts'

/**
 * Answers what Node's parser gave up on: there is no request to answer, only a socket that takes some last words.
 * The listener of a server's `clientError`.
 */
export function answerUnparsable(error: Error & { readonly code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET' || socket.bytesWritten > 0) {
    socket.destroy()
    return
  }
  const { status, headers, document } = describeProblem(problemOf(error), randomUUID())
  const body = JSON.stringify(document)
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ]
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy())
}

function problemOf({ code }: { readonly code?: string }): ProblemError {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return new ProblemError('HEADERS_TOO_LARGE', 'the URL and the headers are too long together')
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new ProblemError('REQUEST_TIMEOUT', 'send the whole request at once')
  }
  return new ProblemError('REQUEST_MALFORMED', 'this port speaks HTTP/1.1')
}
