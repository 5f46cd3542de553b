import type { Request, RequestHandler, Response } from 'express'
import { revalidatedCaching } from '../repository/layout.ts'
import type { Repository } from '../repository/repository.ts'
import { closeSignal } from './close-signal.ts'
import type { CurrentRepository } from './current-repository.ts'
import { entityTag } from './entity-tag.ts'
import { guardSlowReader } from './guard-slow-reader.ts'
import type { CostlyReads } from './costly-reads.ts'
import type { ServerLimits } from './limits.ts'
import { checkPreconditions } from './preconditions.ts'
import { ProblemError } from './problem.ts'

export interface StateContext {
  readonly repository: CurrentRepository
  readonly costlyReads: CostlyReads
  readonly limits: ServerLimits
}

/** What a request is answered from. */
export interface StateRequest {
  readonly req: Request
  readonly repository: Repository
  readonly signal: AbortSignal
}

/**
 * A handler that answers with JSON made of the repository's state. One timestamp and one URL always give the same
 * answer, so that a client which has it already is told so before anything else is read.
 */
export function answerState(
  context: StateContext,
  answer: (request: StateRequest) => Promise<object>,
): RequestHandler {
  return async (req, res) => {
    const repository = await context.repository.get()
    const etag = entityTag(repository.state.timestamp.bytes.toString('latin1'), req.url)
    const verdict = checkPreconditions(req.headers, { etag, modified: undefined })
    if (verdict === 'failed') throw new ProblemError('PRECONDITION_FAILED', `the entity tag is ${etag}`)
    const body =
      verdict === 'proceed' ? await answer({ req, repository, signal: closeSignal(res) }) : undefined
    res.set({ ETag: etag, 'Cache-Control': revalidatedCaching })
    if (body === undefined) res.status(304).end()
    else sendJson(res, body, context.limits)
  }
}

function sendJson(res: Response, body: object, limits: ServerLimits): void {
  guardSlowReader(res, limits)
  res.json(body)
}

/** The same for what reads manifests or many documents, of which only so many run at once. */
export function answerCostly(
  context: StateContext,
  answer: (request: StateRequest) => Promise<object>,
): RequestHandler {
  return answerState(context, async (request) => context.costlyReads.run(async () => answer(request)))
}
