import type { Logger } from 'pino'
import type { OpenedStore } from '../../storage/open-store.ts'
import type { JobsOfKind } from '../metrics/job-metrics.ts'
import type { Metrics } from '../metrics/metrics.ts'
import type { CommandContext } from './command-context.ts'
import { programVersion } from './program-version.ts'

export interface MetricsSources {
  readonly logger: Logger
  /** The queue that workers share, if there is one. */
  readonly readQueue?: (() => Promise<readonly JobsOfKind[]>) | undefined
  readonly pingQueue?: (() => Promise<void>) | undefined
}

export interface OpenedMetrics extends AsyncDisposable {
  readonly metrics: Metrics
  /** The store of the settings, whose calls are counted. */
  readonly store: OpenedStore
  /** Answers those who ask, until it is disposed of. Throws LISTEN_FAILED. */
  serve(sources: MetricsSources): Promise<void>
}

/** Metrics of a process that goes on, where the setting `metrics` has an address for them; else nothing of it is loaded. */
export async function openMetrics(context: CommandContext): Promise<OpenedMetrics | undefined> {
  const { settings } = context
  const listen = settings.metrics
  if (listen === undefined) return undefined
  const { Metrics } = await import('../metrics/metrics.ts')
  const { MeteredStore } = await import('../../storage/metered-store.ts')
  const { CurrentRepository } = await import('../server/current-repository.ts')
  const { startMetricsServer } = await import('../server/metrics-server.ts')
  const { KeyRing } = await import('../trust/key-ring.ts')
  const { readCollectionRecord } = await import('../maintenance/collection-record.ts')
  const repository = new CurrentRepository({
    // Looks of those who watch are none of what is watched.
    store: settings.store,
    trustedRoot: new KeyRing(settings.keys).trustedRoot(),
    now: () => performance.now(),
  })
  const sources: { readQueue?: MetricsSources['readQueue'] } = {}
  const metrics = new Metrics({
    version: programVersion(),
    readState: async () => (await repository.get()).state,
    readCollections: async () => readCollectionRecord(settings.store),
    readQueue: async () => (await sources.readQueue?.()) ?? [],
  })
  const metered = new MeteredStore(settings.store, metrics.onStoreCall)
  const servers = new AsyncDisposableStack()
  return {
    metrics,
    store: Object.assign(metered, { url: settings.store.url }),
    serve: async ({ logger, readQueue, pingQueue }) => {
      sources.readQueue = readQueue
      servers.use(await startMetricsServer({ listen, metrics, readiness: { repository, pingQueue }, logger }))
    },
    [Symbol.asyncDispose]: async () => servers[Symbol.asyncDispose](),
  }
}
