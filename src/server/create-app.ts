import type { RequestListener } from 'node:http'
import express, { type Application, type ErrorRequestHandler } from 'express'
import type { Logger } from 'pino'
import type { BlobReader } from '../../storage/blob-store.ts'
import { AccessControl, type AccessOptions } from './access/access-control.ts'
import { absentPlane } from './absent-plane.ts'
import { answerProblems, type AnswerProblem } from './answer-problem.ts'
import { answerRequests } from './answer-requests.ts'
import { channelRoutes } from './channel-routes.ts'
import { checkRequest } from './check-request.ts'
import { CostlyReads } from './costly-reads.ts'
import { CurrentRepository } from './current-repository.ts'
import { dataPlane } from './data-plane.ts'
import { diffRoutes } from './diff-routes.ts'
import { fileRoutes } from './file-routes.ts'
import { healthRoutes } from './health-routes.ts'
import { defaultLimits, type ServerLimits } from './limits.ts'
import { logRequests, type AnsweredRequest } from './log-requests.ts'
import { openObjectCache, type CacheOptions } from './object-cache-open.ts'
import { PackDemand, type PacksOptions } from './pack-demand.ts'
import type { MakePlane, Plane, PlaneContext } from './plane.ts'
import { routeUnknown } from './problem.ts'
import { isReport, ReportReceiver, type ReportsOptions } from './receive-reports.ts'
import { Redirects, type RedirectsOptions } from './redirects.ts'
import { releaseRoutes } from './release-routes.ts'
import type { TrustProxy } from './remote-of.ts'
import { nameRequest } from './request-id.ts'
import { securityHeaders } from './security-headers.ts'
import { traceRequests } from './trace-requests.ts'
import { validateRequests } from './validate-requests.ts'
import { whoamiPlane } from './access/whoami-plane.ts'

export interface AppOptions {
  readonly store: BlobReader
  readonly logger: Logger
  /** Milliseconds of a clock that only goes forward. Default: the process's. */
  readonly now?: (() => number) | undefined
  /** The root that the repository must begin with; without it the store is taken at its word. */
  readonly trustedRoot?: Buffer | undefined
  /** Whose X-Forwarded-For is believed: express's "trust proxy". Default: nobody's. */
  readonly trustProxy?: boolean | number | string | readonly string[] | undefined
  /** Whether clients reach the server by TLS, here or at a proxy in front. */
  readonly tls?: boolean | undefined
  readonly limits?: Partial<ServerLimits> | undefined
  /** Without it packs are served as they lie, and none is built. */
  readonly packs?: PacksOptions | undefined
  /** Without it every object is read from the store each time. */
  readonly cache?: CacheOptions | undefined
  /** Without it no object is fetched elsewhere. */
  readonly redirects?: RedirectsOptions | undefined
  /** Without it machines' reports are not taken. */
  readonly reports?: ReportsOptions | undefined
  /** Without it nobody has access to what needs a grant. */
  readonly access?: AccessOptions | undefined
  /** What else is answered, each with paths of its own. */
  readonly planes?: readonly MakePlane[] | undefined
  /** Told of every request when it is over. */
  readonly onAnswered?: ((request: AnsweredRequest) => void) | undefined
  /** Rejects when the queue does not answer. */
  readonly pingQueue?: (() => Promise<void>) | undefined
  /** Whether answers are held against openapi.yaml as well: for tests. */
  readonly validateResponses?: boolean | undefined
}

export interface App {
  readonly handler: RequestListener
  /** What goes on behind the requests; to be closed with the server. */
  readonly packs: PackDemand | undefined
  readonly planes: readonly Plane[]
  readonly access: AccessControl
}

/** A repository over HTTP: its objects under their keys, and the read API under /v1. */
export function createApp(options: AppOptions): App {
  const { store, logger } = options
  const limits = { ...defaultLimits, ...options.limits }
  const now = options.now ?? (() => performance.now())
  const repository = new CurrentRepository({ store, trustedRoot: options.trustedRoot, now })
  const context = { repository, limits, costlyReads: new CostlyReads(limits.maxCostlyReads) }
  const packs = options.packs && new PackDemand(repository, { ...options.packs, store, logger, now })
  const objects = openObjectCache(store, options.cache, { logger, now })
  const redirects = options.redirects && new Redirects(store, options.redirects, now)
  const answerProblem = answerProblems(logger)
  const app = express()
  configure(app, options)
  const trust = app.get('trust proxy fn') as TrustProxy
  const access = new AccessControl(options.access, { limits, logger, trust, now })
  const planes = planesOf(options, { repository, access, limits, logger, trust, now })
  app.use(...validateRequests({ responses: options.validateResponses ?? false }))
  app.use(healthRoutes({ repository, pingQueue: options.pingQueue }))
  app.use(channelRoutes(context), releaseRoutes(context))
  app.use(fileRoutes(context), diffRoutes(context))
  app.use(() => {
    throw routeUnknown()
  })
  app.use(lastHandler(answerProblem))
  const handler = answerRequests({
    first: [
      nameRequest,
      logRequests(logger, trust, options.onAnswered),
      securityHeaders({ tls: options.tls ?? false }),
      checkRequest(limits, planes),
    ],
    dataPlane: dataPlane({ store: objects, limits, packs, redirects }),
    planes,
    controlPlane: app,
    answerProblem,
  })
  return { handler: traceRequests(handler), packs, planes, access }
}

function planesOf({ reports, planes = [] }: AppOptions, context: PlaneContext): Plane[] {
  return [
    reports === undefined ? absentPlane(isReport) : new ReportReceiver({ ...reports, ...context }),
    whoamiPlane(context),
    ...planes.map((make) => make(context)),
  ]
}

/** By express's own way to send JSON, where answers are held against openapi.yaml. */
function lastHandler(answerProblem: AnswerProblem): ErrorRequestHandler {
  return (error, req, res, _next) => answerProblem(error, req, res, (document) => res.json(document))
}

function configure(app: Application, { trustProxy = false }: AppOptions): void {
  app.set('trust proxy', trustProxy)
  app.set('query parser', 'simple')
  app.enable('case sensitive routing')
  app.enable('strict routing')
  app.disable('x-powered-by')
  app.disable('etag')
}
