import { Router } from 'express'
import type { CurrentRepository } from './current-repository.ts'

export function healthRoutes(repository: CurrentRepository): Router {
  const router = Router({ caseSensitive: true, strict: true })
  router.get('/healthz', (_req, res) => {
    res.set('Cache-Control', 'no-store').json({ status: 'ok' })
  })
  router.get('/readyz', async (_req, res) => {
    const { signed } = (await repository.get()).state.timestamp.metadata
    res
      .set('Cache-Control', 'no-store')
      .json({ status: 'ready', timestamp: { version: signed.version, expires: signed.expires } })
  })
  return router
}
