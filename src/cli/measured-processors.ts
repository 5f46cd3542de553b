import type { JobResult } from '../jobs/job.ts'
import type { JobKind } from '../jobs/job-kinds.ts'
import type { Processor, Processors } from '../jobs/processor.ts'
import type { Metrics } from '../metrics/metrics.ts'

/** The same processors; what their jobs come to is measured. */
export function measuredProcessors(processors: Processors, metrics: Metrics, now: () => Date): Processors {
  const { verify, 'build-pack': buildPack } = processors
  return {
    ...processors,
    ...(verify && {
      verify: told(verify, (result) => metrics.maintenance.verified(damagesIn(result), now())),
    }),
    ...(buildPack && { 'build-pack': measuredPack(buildPack, metrics) }),
  }
}

function told<Kind extends JobKind>(
  processor: Processor<Kind>,
  tell: (result: JobResult) => void,
): Processor<Kind> {
  return async (details, context) => {
    const result = await processor(details, context)
    tell(result)
    return result
  }
}

/** Of more damages than a result names, what kind they are is not known. */
function damagesIn({ damages, damageCount }: JobResult): ReadonlyMap<string, number> {
  const named = (Array.isArray(damages) ? damages : []) as readonly { readonly kind: string }[]
  const counts = new Map<string, number>()
  for (const { kind } of named) counts.set(kind, (counts.get(kind) ?? 0) + 1)
  const more = Number(damageCount) - named.length
  if (more > 0) counts.set('other', (counts.get('other') ?? 0) + more)
  return counts
}

function measuredPack(buildPack: Processor<'build-pack'>, metrics: Metrics): Processor<'build-pack'> {
  return async (details, context) => {
    const began = performance.now()
    const key = details.to
    const ms = (): number => performance.now() - began
    metrics.onPackBuild({ kind: 'started', key, waiting: 0 })
    try {
      const result = await buildPack(details, context)
      const { bytes, isNew } = result
      if (isNew === true) metrics.onPackBuild({ kind: 'built', key, ms: ms(), bytes: Number(bytes) })
      else metrics.onPackBuild({ kind: 'there', key, ms: ms() })
      return result
    } catch (error) {
      if (context.signal.aborted) metrics.onPackBuild({ kind: 'aborted', key, ms: ms() })
      else metrics.onPackBuild({ kind: 'failed', key, ms: ms(), error })
      throw error
    }
  }
}
