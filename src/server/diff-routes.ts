import { Router } from 'express'
import { encodeByteString } from '../../manifests/fields.ts'
import { diffReleases, type Difference } from '../repository/diff-releases.ts'
import { answerCostly, type StateContext, type StateRequest } from './answer-state.ts'
import { encodeCursor } from './cursor.ts'
import { Page } from './page.ts'
import { pathVersion, queryCursor, queryNumber, queryText } from './parameters.ts'

export function diffRoutes(context: StateContext): Router {
  const router = Router({ caseSensitive: true, strict: true })
  router.get('/v1/releases/:version/diff/:other', answerCostly(context, showDiff))
  return router
}

async function showDiff({ req, repository, signal }: StateRequest): Promise<object> {
  const from = await repository.release(pathVersion(req, 'version'), { signal })
  const to = await repository.release(pathVersion(req, 'other'), { signal })
  const options = { signal, module: queryText(req, 'module'), after: queryCursor(req) }
  const page = new Page(queryNumber(req, 'limit'))
  for await (const difference of diffReleases(repository, from, to, options)) {
    const json = JSON.stringify(describe(difference))
    if (!page.add(json, () => encodeCursor(difference))) break
  }
  return { from: from.version, to: to.version, differences: page.items, ...page.continuation }
}

function describe({ module, path, change, aspects, types, sizes }: Difference): object {
  return { module, path: encodeByteString(path), change, aspects, types, sizes }
}
