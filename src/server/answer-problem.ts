import type { ErrorRequestHandler, Response } from 'express'
import type { Logger } from 'pino'
import { describeProblem, isFault, problemOf, type ProblemError } from './problem.ts'
import { requestIdOf } from './request-id.ts'

/** The end of every request that failed: a problem document, or a cut connection where the answer had begun. */
export function answerProblems(logger: Logger): ErrorRequestHandler {
  return (error: unknown, req, res, _next) => {
    if (clientLeft(error)) return
    const problem = problemOf(error)
    if (isFault(problem)) logFault(logger, problem, requestIdOf(res))
    if (res.headersSent) res.destroy()
    else if (!req.socket.destroyed) sendProblem(res, problem)
  }
}

function sendProblem(res: Response, problem: ProblemError): void {
  const { status, headers, document } = describeProblem(problem, requestIdOf(res))
  res.status(status).set(headers).json(document)
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
