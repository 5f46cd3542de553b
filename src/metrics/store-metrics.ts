import { Counter, Histogram, type Registry } from 'prom-client'
import type { StoreCall } from '../../storage/metered-store.ts'

/** What was asked of the object store and how it answered, retries within one call. */
export function storeMetrics(registry: Registry): (call: StoreCall) => void {
  const registers = [registry]
  const calls = new Counter({
    name: 'vend_store_calls_total',
    help: 'Calls to the store, by operation and outcome: "ok", "absent", or the code of the error.',
    labelNames: ['operation', 'outcome'],
    registers,
  })
  const seconds = new Histogram({
    name: 'vend_store_call_duration_seconds',
    help: 'From the beginning of a call to the store until its last byte was sent or taken, retries included.',
    labelNames: ['operation'],
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 600],
    registers,
  })
  const bytes = new Counter({
    name: 'vend_store_bytes_total',
    help: 'Bytes of bodies that were written to the store and read from it.',
    labelNames: ['operation'],
    registers,
  })
  return ({ operation, outcome, ms, bytes: count }) => {
    calls.inc({ operation, outcome })
    seconds.observe({ operation }, ms / 1000)
    if (count > 0) bytes.inc({ operation }, count)
  }
}
