import { setFlagsFromString } from 'node:v8'
import type { Logger } from 'pino'
import { errorCodeOf } from '../exit-codes.ts'
import type { CacheOptions } from '../../server/object-cache-open.ts'
import type { PacksOptions } from '../../server/pack-demand.ts'
import type { CommandContext } from '../command-context.ts'
import { defineCommand } from '../command.ts'
import { openAccess } from '../open-access.ts'
import { openKeyRing } from '../open-key-ring.ts'
import { openMetrics } from '../open-metrics.ts'
import { openPublishing } from '../open-publishing.ts'
import { openRedirects } from '../open-redirects.ts'
import { openRepository } from '../open-repository.ts'
import type { ServedJobs } from '../serve-jobs.ts'
import { untilAborted } from '../until-aborted.ts'

/** `vend serve` */
export const serveCommand = defineCommand({
  path: 'serve',
  summary: 'serve the repository over HTTP',
  description:
    'Serves the repository until SIGTERM or SIGINT; then it lets requests in progress end. Its log, one JSON object a ' +
    'line, goes to stderr. Any number of processes may serve one store. Packs that machines ask for and that are not ' +
    'there are built meanwhile, which needs a store that can be written to and room in TMPDIR. With --refresh yes it ' +
    'also signs snapshot and timestamp anew in time, and nothing else: give it a key directory with these two keys alone.',
  examples: ['serve', 'serve --listen 0.0.0.0:8443 --tls-certificate cert.pem --tls-key key.pem'],
  arguments: {},
  options: {},
  settings: [
    'store',
    'keys',
    'listen',
    'tlsCertificate',
    'tlsKey',
    'behindTls',
    'trustProxy',
    'limits',
    'packsOnDemand',
    'packsMaxContent',
    'packsMaxDaily',
    'queue',
    'refresh',
    'cache',
    'cacheDirectory',
    'cacheDirectoryMax',
    'redirects',
    'redirectsFrom',
    'reports',
    'publishing',
    'access',
    'metrics',
    'logLevel',
  ],
  exitCodes: ['trust', 'store'],
  isRaw: true,
  run: async (_input, context): Promise<void> => {
    const { startServer } = await import('../../server/start-server.ts')
    const { KeyRing } = await import('../../trust/key-ring.ts')
    const { pino } = await import('pino')
    const { settings, signal, progress } = context
    // A crowd's requests outlive a young part that is kept small (vend.mjs), and cost a sixth more processor time.
    setFlagsFromString('--semi-space-growth-factor=2')
    const advice = await adviseOn(context)
    const log = pino.destination({ dest: 2, sync: false })
    const logger = pino({ level: settings.logLevel }, log)
    await using measured = await openMetrics(context)
    const store = measured?.store ?? settings.store
    const { serveJobs } = await import('../serve-jobs.ts')
    await using jobs = await serveJobs(context, logger)
    const server = await startServer({
      store,
      listen: settings.listen,
      tls: tlsOf(context),
      behindTls: settings.behindTls,
      trustProxy: settings.trustProxy,
      limits: settings.limits,
      packs: await packsOf(context, jobs, measured?.metrics.onPackBuild),
      reports: settings.reports ? { store } : undefined,
      access: await openAccess(context, store),
      planes: [jobs.plane, ...(await openPublishing(context, store, measured?.metrics.publishing.onEvent))],
      cache: { ...cacheOf(context), onRead: measured?.metrics.onCacheRead },
      redirects: await openRedirects(context),
      pingQueue: jobs.shared?.ping,
      onAnswered: measured?.metrics.onAnswered,
      trustedRoot: new KeyRing(settings.keys).trustedRoot(),
      logger,
    })
    const refreshing = settings.refresh ? refreshWhileServing(context, logger) : undefined
    try {
      const { readQueue, ping } = jobs.shared ?? {}
      await measured?.serve({ logger, readQueue, pingQueue: ping })
      progress.note(`vend: serving ${settings.store.name} on ${server.url}`)
      for (const line of advice) progress.note(line)
      await untilAborted(signal)
    } finally {
      await server.close()
      await refreshing
      log.flushSync()
    }
  },
  answer: () => undefined,
})

/** In the server's own process; its key directory needs the keys of snapshot and timestamp, and is to have no others. */
async function refreshWhileServing(context: CommandContext, logger: Logger): Promise<void> {
  const { keepFresh } = await import('../../repository/keep-fresh.ts')
  const { settings, signal, now } = context
  await keepFresh({
    store: settings.store,
    openKeys: () => openKeyRing(context),
    now,
    signal,
    onRefreshed: ({ snapshot, timestamp }) => {
      logger.info({ snapshot, timestamp }, 'signed snapshot and timestamp anew')
    },
    onExpiring: (roles) => {
      logger.warn({ roles }, 'expire soon: run "vend refresh" where their keys are')
    },
    onFailed: (err) => {
      logger.error({ err }, 'snapshot and timestamp could not be signed anew')
    },
  })
}

function tlsOf({
  settings: { tlsCertificate, tlsKey },
}: CommandContext): { readonly certPath: string; readonly keyPath: string } | undefined {
  if (tlsCertificate === undefined || tlsKey === undefined) return undefined
  return { certPath: tlsCertificate, keyPath: tlsKey }
}

function cacheOf({ settings }: CommandContext): CacheOptions {
  const { cache, cacheDirectory, cacheDirectoryMax } = settings
  return {
    maxBytes: cache,
    directory:
      cacheDirectory === undefined ? undefined : { path: cacheDirectory, maxBytes: cacheDirectoryMax },
  }
}

async function packsOf(
  { settings, env }: CommandContext,
  { shared }: ServedJobs,
  onEvent: PacksOptions['onEvent'],
): Promise<PacksOptions | undefined> {
  const { store, packsOnDemand, packsMaxContent, packsMaxDaily } = settings
  if (!packsOnDemand) return undefined
  const bounds = { maxContentBytes: packsMaxContent, maxStoredBytesPerDay: packsMaxDaily }
  if (shared !== undefined) {
    // Workers tell of their builds: several servers may wait for one.
    return { build: shared.build, limits: { ...bounds, concurrency: shared.packsAtOnce } }
  }
  const { buildPackApart } = await import('../packing/build-pack-apart.ts')
  return {
    build: buildPackApart(store.url, { env, threads: 1 }),
    limits: bounds,
    onEvent,
  }
}

/** What stands between this server and a machine that updates from it; a store that comes back later is none of it. */
async function adviseOn(context: CommandContext): Promise<string[]> {
  try {
    const { repository } = await openRepository(context)
    if (repository.releaseVersions().length > 0) return []
    return ['  nothing was published yet: publish a tree with "vend publish DIRECTORY --release 1"']
  } catch (error) {
    const code = errorCodeOf(error)
    if (code === 'REPOSITORY_MISSING') {
      return [
        '  there is no repository in it yet: make one with "vend init", or see an example first with',
        '  "npm run quickstart"',
      ]
    }
    if (code !== 'STORE_UNAVAILABLE' && code !== 'REPOSITORY_CORRUPT') throw error
    return [`  it cannot be read at present: ${(error as Error).message}`]
  }
}
