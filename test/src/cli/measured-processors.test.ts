import { expect, test } from 'vitest'
import { parseDigest } from '../../../manifests/digest.ts'
import { measuredProcessors } from '../../../src/cli/measured-processors.ts'
import type { JobResult } from '../../../src/jobs/job.ts'
import type { ProcessorContext } from '../../../src/jobs/processor.ts'
import { sampleMetrics, valueOf } from '../metrics/sample-metrics.ts'

const context: ProcessorContext = {
  signal: new AbortController().signal,
  onProgress: () => undefined,
  onNote: () => undefined,
}
const to = parseDigest(`sha256:${'1'.repeat(64)}`)
const now = (): Date => new Date(5000)

test('a verification counts what it found by kind, also what its result does not name', async () => {
  const metrics = sampleMetrics()
  const result: JobResult = {
    damageCount: 5,
    damages: [{ kind: 'chunk' }, { kind: 'chunk' }, { kind: 'pack' }],
  }
  const { verify } = measuredProcessors({ verify: async () => Promise.resolve(result) }, metrics, now)
  expect(await verify?.({}, context)).toBe(result)
  const found = async (kind: string): Promise<number | undefined> =>
    valueOf(metrics, 'vend_verify_errors_total', { kind })
  expect(await Promise.all(['chunk', 'pack', 'other'].map(found))).toEqual([2, 1, 2])
  expect(await valueOf(metrics, 'vend_verify_last_run_timestamp_seconds')).toBe(5)
})

test('builds of packs are told as they went', async () => {
  const metrics = sampleMetrics()
  const ends: (() => Promise<JobResult>)[] = [
    async () => Promise.resolve({ key: 'k', bytes: 100, isNew: true }),
    async () => Promise.resolve({ key: 'k', bytes: 100, isNew: false }),
    async () => Promise.reject(new Error('no room')),
  ]
  for (const end of ends) {
    const { 'build-pack': build } = measuredProcessors({ 'build-pack': end }, metrics, now)
    await build?.({ to }, context).catch(() => undefined)
  }
  const fail = async (): Promise<JobResult> => Promise.reject(new Error('stopped'))
  const { 'build-pack': build } = measuredProcessors({ 'build-pack': fail }, metrics, now)
  await build?.({ to }, { ...context, signal: AbortSignal.abort() }).catch(() => undefined)
  const count = async (outcome: string): Promise<number | undefined> =>
    valueOf(metrics, 'vend_pack_builds_total', { outcome })
  expect(await Promise.all(['built', 'there', 'failed', 'aborted'].map(count))).toEqual([1, 1, 1, 1])
  expect(await valueOf(metrics, 'vend_pack_builds_running')).toBe(0)
  expect(await valueOf(metrics, 'vend_pack_built_bytes_total')).toBe(100)
})

test('what is not there is not made up', () => {
  expect(measuredProcessors({}, sampleMetrics(), now)).toEqual({})
})
