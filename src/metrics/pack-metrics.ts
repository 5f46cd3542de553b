import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { PackBuildEvent } from '../delivery/pack-requests.ts'

const outcomes = ['built', 'there', 'failed', 'aborted'] as const

/** Packs that were built because somebody asked for them, or a job said so. */
export function packMetrics(registry: Registry): (event: PackBuildEvent) => void {
  const registers = [registry]
  const builds = new Counter({
    name: 'vend_pack_builds_total',
    help: 'Builds of packs that ended, by outcome; "there" when another process had stored it meanwhile.',
    labelNames: ['outcome'],
    registers,
  })
  for (const outcome of outcomes) builds.inc({ outcome }, 0)
  const seconds = new Histogram({
    name: 'vend_pack_build_duration_seconds',
    help: 'How long builds of packs took, by outcome.',
    labelNames: ['outcome'],
    buckets: [0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600],
    registers,
  })
  const bytes = new Counter({
    name: 'vend_pack_built_bytes_total',
    help: 'Bytes of the packs that were built and stored.',
    registers,
  })
  const running = new Gauge({
    name: 'vend_pack_builds_running',
    help: 'Builds of packs that go on.',
    registers,
  })
  return (event) => {
    if (event.kind === 'started') {
      running.inc()
      return
    }
    running.dec()
    builds.inc({ outcome: event.kind })
    seconds.observe({ outcome: event.kind }, event.ms / 1000)
    if (event.kind === 'built') bytes.inc(event.bytes)
  }
}
