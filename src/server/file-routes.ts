import { Router } from 'express'
import type { Entry } from '../../manifests/entry.ts'
import { encodeEntry } from '../../manifests/entry-line.ts'
import { byteStringFromText } from '../../manifests/tree-path.ts'
import { findModule } from '../repository/find-module.ts'
import type { ManifestEntry } from '../tree/read-manifest.ts'
import { answerCostly, type StateContext, type StateRequest } from './answer-state.ts'
import { encodeCursor } from './cursor.ts'
import { Page } from './page.ts'
import { pathText, pathVersion, queryCursor, queryNumber, queryText } from './parameters.ts'
import { ProblemError } from './problem.ts'

export function fileRoutes(context: StateContext): Router {
  const router = Router({ caseSensitive: true, strict: true })
  router.get('/v1/releases/:version/modules/:module/files', answerCostly(context, listFiles))
  return router
}

async function listFiles({ req, repository, signal }: StateRequest): Promise<object> {
  const version = pathVersion(req, 'version')
  const module = pathText(req, 'module')
  const selection = readSelection(req, module)
  const found = findModule(await repository.release(version, { signal }), module)
  const { entries } = await repository.manifest(found, { signal })
  const page = new Page(queryNumber(req, 'limit'))
  for await (const entry of select(entries, selection)) {
    if (!page.add(encodeEntry(entry), () => encodeCursor({ module, path: entry.path }))) break
  }
  return { version, module, entries: page.items, ...page.continuation }
}

interface Selection {
  /** One character a byte, as paths are. */
  readonly prefix: string
  readonly after: string | undefined
}

function readSelection(req: StateRequest['req'], module: string): Selection {
  const after = queryCursor(req)
  if (after !== undefined && after.module !== module) {
    throw new ProblemError('REQUEST_INVALID', '"after" is from the pages of another module')
  }
  return { prefix: byteStringFromText(queryText(req, 'prefix') ?? ''), after: after?.path }
}

/** Ends with the last path that can have the prefix: paths are sorted. */
async function* select(
  entries: AsyncIterable<ManifestEntry>,
  { prefix, after }: Selection,
): AsyncGenerator<Entry, void, undefined> {
  for await (const { entry } of entries) {
    const { path } = entry
    if (path > prefix && !path.startsWith(prefix)) return
    if (path.startsWith(prefix) && (after === undefined || path > after)) yield entry
  }
}
