import { setTimeout as sleep } from 'node:timers/promises'
import { Registry } from 'prom-client'
import type { StoreCall } from '../../storage/metered-store.ts'
import type { CollectionRecord } from '../maintenance/collection-record.ts'
import type { PackBuildEvent } from '../delivery/pack-requests.ts'
import type { RepositoryState } from '../repository/repository-state.ts'
import type { AnsweredRequest } from '../server/log-requests.ts'
import type { CacheOutcome } from '../server/object-cache.ts'
import { cacheMetrics } from './cache-metrics.ts'
import { httpMetrics } from './http-metrics.ts'
import { jobMetrics, type FinishedJob, type JobsOfKind } from './job-metrics.ts'
import { maintenanceMetrics, type MaintenanceMetrics } from './maintenance-metrics.ts'
import { packMetrics } from './pack-metrics.ts'
import { processMetrics } from './process-metrics.ts'
import { publishMetrics, type PublishMetrics } from './publish-metrics.ts'
import { storeMetrics } from './store-metrics.ts'
import { trustMetrics } from './trust-metrics.ts'

export interface MetricsOptions {
  readonly version: string
  readonly readState: () => Promise<RepositoryState>
  /** Without it there is no queue that others see. */
  readonly readQueue?: (() => Promise<readonly JobsOfKind[]>) | undefined
  readonly readCollections?: (() => Promise<CollectionRecord | undefined>) | undefined
  /** How long looks may take for one answer; what takes longer is told with the next. Default: 3 s. */
  readonly lookMs?: number | undefined
}

export interface MetricDescription {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary'
  readonly labels: readonly string[]
}

/** What prom-client's types do not say of its metrics. */
interface PrometheusMetric extends Omit<MetricDescription, 'labels'> {
  readonly labelNames: readonly string[]
}

/** Everything that is measured, in one registry, and what of it has to be looked up when somebody asks. */
export class Metrics {
  readonly #registry = new Registry()
  readonly #looks: readonly (() => Promise<void>)[]
  readonly #lookMs: number
  readonly onAnswered: (request: AnsweredRequest) => void
  readonly onStoreCall: (call: StoreCall) => void
  readonly onCacheRead: (outcome: CacheOutcome) => void
  readonly onPackBuild: (event: PackBuildEvent) => void
  readonly onJobFinished: (job: FinishedJob) => void
  readonly publishing: PublishMetrics
  readonly maintenance: MaintenanceMetrics

  constructor(options: MetricsOptions) {
    const { version, readState, readQueue, readCollections } = options
    this.#lookMs = options.lookMs ?? 3000
    const registry = this.#registry
    processMetrics(registry, version)
    this.onAnswered = httpMetrics(registry)
    this.onStoreCall = storeMetrics(registry)
    this.onCacheRead = cacheMetrics(registry)
    this.onPackBuild = packMetrics(registry)
    this.publishing = publishMetrics(registry)
    this.maintenance = maintenanceMetrics(registry)
    const jobs = jobMetrics(registry)
    this.onJobFinished = jobs.finished
    this.#looks = [
      trustMetrics(registry, readState),
      async () => jobs.queue(await readQueue?.().catch(() => undefined)),
      async () => {
        // What could not be read is as it was.
        await readCollections?.().then(this.maintenance.collected, () => undefined)
      },
    ]
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  /** What is measured, whether or not there is anything of it yet. */
  describe(): MetricDescription[] {
    return this.#registry.getMetricsAsArray().map((metric) => {
      const { name, help, type, labelNames } = metric as unknown as PrometheusMetric
      return { name, help, type, labels: [...labelNames] }
    })
  }

  /** In Prometheus' text format. */
  async read(): Promise<string> {
    const over = new AbortController()
    const looked = Promise.all(this.#looks.map(async (look) => look()))
    const late = sleep(this.#lookMs, undefined, { signal: over.signal }).catch(() => undefined)
    await Promise.race([looked, late])
    over.abort()
    return this.#registry.metrics()
  }
}
