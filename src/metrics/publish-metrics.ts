import { Counter, Histogram, type Registry } from 'prom-client'
import type { PublishingEvent } from '../server/publishing/publishing-plane.ts'

/** A release that was made here of what somebody sent or named. */
export interface IngestedRelease {
  readonly chunks: number
  readonly chunksStored: number
  readonly storedBytes: number
  readonly ms: number
}

export interface PublishMetrics {
  /** What publishers elsewhere do with this server. */
  readonly onEvent: (event: PublishingEvent) => void
  readonly onIngested: (release: IngestedRelease) => void
}

export function publishMetrics(registry: Registry): PublishMetrics {
  const registers = [registry]
  const publishes = new Counter({
    name: 'vend_publishes_total',
    help: 'Commits that came over HTTP ("remote") and releases that jobs made ("ingest"), by outcome.',
    labelNames: ['way', 'outcome'],
    registers,
  })
  const seconds = new Histogram({
    name: 'vend_publish_duration_seconds',
    help: 'How long publishes took: a commit over HTTP, or all of an ingest job.',
    labelNames: ['way'],
    buckets: [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600],
    registers,
  })
  const chunks = new Counter({
    name: 'vend_publish_chunks_total',
    help: 'Chunks that publishers had, by whether the store knew them already ("known") or they were stored.',
    labelNames: ['state'],
    registers,
  })
  for (const state of ['known', 'stored']) chunks.inc({ state }, 0)
  const bytes = new Counter({
    name: 'vend_publish_stored_bytes_total',
    help: 'Compressed bytes of the chunks that were stored.',
    registers,
  })
  const note = (way: string, outcome: string, ms: number): void => {
    publishes.inc({ way, outcome })
    if (outcome === 'done') seconds.observe({ way }, ms / 1000)
  }
  const noteChunks = (known: number, stored: number, storedBytes: number): void => {
    chunks.inc({ state: 'known' }, known)
    chunks.inc({ state: 'stored' }, stored)
    bytes.inc(storedBytes)
  }
  return {
    onEvent: (event) => {
      if (event.kind === 'commit') note('remote', event.outcome, event.ms)
      // Those that are missing are sent next.
      else if (event.kind === 'missing') noteChunks(event.asked - event.missing, 0, 0)
      else noteChunks(0, event.stored, event.storedBytes)
    },
    onIngested: ({ chunks: all, chunksStored, storedBytes, ms }) => {
      note('ingest', 'done', ms)
      noteChunks(all - chunksStored, chunksStored, storedBytes)
    },
  }
}
