import { Router } from 'express'
import type { Release, ReleaseModule } from '../../manifests/release.ts'
import { manifestKey } from '../repository/layout.ts'
import { findModule } from '../repository/find-module.ts'
import { mapInOrder } from '../map-in-order.ts'
import { answerCostly, answerState, type StateContext, type StateRequest } from './answer-state.ts'
import { pathText, pathVersion, queryNumber } from './parameters.ts'

const defaultPage = 20
const documentsAtOnce = 8

export function releaseRoutes(context: StateContext): Router {
  const router = Router({ caseSensitive: true, strict: true })
  router.get('/v1/releases', answerCostly(context, listReleases))
  router.get('/v1/releases/:version', answerState(context, showRelease))
  router.get('/v1/releases/:version/modules', answerState(context, listModules))
  router.get('/v1/releases/:version/modules/:module', answerState(context, showModule))
  return router
}

async function listReleases({ req, repository, signal }: StateRequest): Promise<object> {
  const before = queryNumber(req, 'before') ?? Infinity
  const limit = queryNumber(req, 'limit') ?? defaultPage
  const versions = repository.releaseVersions().filter((version) => version < before)
  const page = versions.slice(-limit).reverse()
  const read = async (version: number): Promise<Release> => repository.release(version, { signal })
  const releases = await Array.fromAsync(mapInOrder(page, documentsAtOnce, read))
  return { releases: releases.map(summarize), ...(page.length < versions.length && { next: page.at(-1) }) }
}

function summarize({ modules, ...release }: Release): object {
  const all = Object.values(modules)
  return {
    ...release,
    modules: Object.keys(modules).sort(),
    entries: all.reduce((sum, { entries }) => sum + entries, 0),
    contentBytes: all.reduce((sum, { contentBytes }) => sum + contentBytes, 0),
  }
}

async function showRelease({ req, repository, signal }: StateRequest): Promise<object> {
  return repository.release(pathVersion(req, 'version'), { signal })
}

async function listModules({ req, repository, signal }: StateRequest): Promise<object> {
  const release = await repository.release(pathVersion(req, 'version'), { signal })
  const modules = Object.keys(release.modules).sort()
  return {
    version: release.version,
    modules: modules.map((name) => describeModule(name, findModule(release, name))),
  }
}

async function showModule({ req, repository, signal }: StateRequest): Promise<object> {
  const release = await repository.release(pathVersion(req, 'version'), { signal })
  const name = pathText(req, 'module')
  return { version: release.version, ...describeModule(name, findModule(release, name)) }
}

function describeModule(module: string, described: ReleaseModule): object {
  return { module, ...described, manifestPath: `/${manifestKey(described.manifest.digest)}` }
}
