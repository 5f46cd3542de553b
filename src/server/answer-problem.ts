import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Logger } from 'pino'
import { describeProblem, isFault, problemOf, type ProblemError } from './problem.ts'
import { requestIdOf } from './request-id.ts'

export type AnswerProblem = (
  error: unknown,
  req: IncomingMessage,
  res: ServerResponse,
  send?: (document: object) => void,
) => void

/**
 * The end of every request that failed: a problem document, or a cut connection where the answer had begun. `send` is
 * for those who watch how a response's body is sent.
 */
export function answerProblems(logger: Logger): AnswerProblem {
  return (error, req, res, send = (document) => sendJson(res, document)) => {
    if (clientLeft(error)) return
    const problem = problemOf(error)
    if (isFault(problem)) logFault(logger, problem, requestIdOf(res))
    if (res.headersSent) res.destroy()
    else if (isConnected(req, res)) {
      const { status, headers, document } = describeProblem(problem, requestIdOf(res))
      res.statusCode = status
      for (const [name, value] of Object.entries(headers)) res.setHeader(name, value)
      send(document)
    }
  }
}

/** A request whose body was given up by its reader has no socket any more, and its response has. */
function isConnected(req: IncomingMessage, res: ServerResponse): boolean {
  const socket = (req.socket as Socket | null) ?? res.socket
  return socket !== null && !socket.destroyed
}

function sendJson(res: ServerResponse, document: object): void {
  const body = JSON.stringify(document)
  res.setHeader('Content-Length', Buffer.byteLength(body))
  res.end(body)
}

/** Then there is nobody to answer, and nothing is wrong. */
function clientLeft(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'ERR_STREAM_PREMATURE_CLOSE' || (error instanceof Error && error.name === 'AbortError')
}

function logFault(logger: Logger, problem: ProblemError, requestId: string): void {
  const line = { requestId, code: problem.code, err: problem.cause ?? problem }
  if (problem.code === 'INTERNAL') logger.error(line, 'request failed')
  else logger.warn(line, 'request failed')
}
