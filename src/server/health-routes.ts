import { Router } from 'express'
import type { Repository } from '../repository/repository.ts'
import { ProblemError, problemOf } from './problem.ts'
import { isQueueAway, partOf, type Part, type Readiness } from './readiness.ts'

/**
 * Whether the process lives, and whether it can serve. A queue that is away is told and is no reason to send requests
 * elsewhere: machines need none, and all front ends would be out at once.
 */
export function healthRoutes(readiness: Readiness): Router {
  const router = Router({ caseSensitive: true, strict: true })
  router.get('/healthz', (_req, res) => {
    res.set('Cache-Control', 'no-store').json({ status: 'ok' })
  })
  router.get('/readyz', async (_req, res) => {
    const away: readonly Part[] = (await isQueueAway(readiness)) ? ['queue'] : []
    const { signed } = (await repositoryOf(readiness, away)).state.timestamp.metadata
    res.set('Cache-Control', 'no-store').json({
      status: 'ready',
      timestamp: { version: signed.version, expires: signed.expires },
      ...(away.length > 0 && { notReady: away }),
    })
  })
  return router
}

async function repositoryOf({ repository }: Readiness, away: readonly Part[]): Promise<Repository> {
  try {
    return await repository.get()
  } catch (error) {
    const { code, message, cause } = problemOf(error)
    throw new ProblemError(code, message, { cause, members: { notReady: [partOf(error), ...away] } })
  }
}
