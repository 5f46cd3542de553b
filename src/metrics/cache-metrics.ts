import { Counter, type Registry } from 'prom-client'
import type { CacheOutcome } from '../server/object-cache.ts'

/** How often a front end had an object at hand. */
export function cacheMetrics(registry: Registry): (outcome: CacheOutcome) => void {
  const reads = new Counter({
    name: 'vend_cache_reads_total',
    help: 'Reads of objects by where they came from: "memory", "directory", "shared" (a read that went on already), "store", or "passed" (not to be kept).',
    labelNames: ['outcome'],
    registers: [registry],
  })
  return (outcome) => reads.inc({ outcome })
}
