import type { JsonValue } from '../../manifests/canonical-json.ts'
import type { Job, JobResult } from '../jobs/job.ts'
import { formatDuration } from './format-quantity.ts'
import { formatPairs } from './table.ts'

export function describeJob(job: Job, now: Date): string {
  const { id, order, state, by, failures, failure, result, progress } = job
  return formatPairs([
    ['job', id],
    ['kind', order.kind],
    ...detailPairs(order.details),
    ['state', state],
    ...(by === undefined ? [] : [['asked for by', by] as const]),
    ['added', `${formatDuration(Math.max(0, now.getTime() - job.addedAt.getTime()))} ago`],
    ...(ranFor(job, now) === undefined ? [] : [['ran for', ranFor(job, now) ?? ''] as const]),
    ...(failures === 0 ? [] : [['attempts failed', String(failures)] as const]),
    ...(progress === undefined || state !== 'running' ? [] : [['doing', shareOf(progress)] as const]),
    ...(failure === undefined ? [] : [['failed of', `${failure.message} (${failure.code})`] as const]),
    ...(result === undefined ? [] : resultPairs(result)),
  ])
}

export function resultPairs(result: JobResult): (readonly [string, string])[] {
  return Object.entries(result).map(([name, value]) => [name, shown(value)] as const)
}

function detailPairs(details: object): (readonly [string, string])[] {
  return Object.entries(details as Readonly<Record<string, JsonValue>>).map(
    ([name, value]) => [name, shown(value)] as const,
  )
}

function shown(value: JsonValue): string {
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(shown).join(', ')
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function ranFor({ startedAt, endedAt, state }: Job, now: Date): string | undefined {
  if (startedAt === undefined || state === 'waiting') return undefined
  return formatDuration(Math.max(0, (endedAt ?? now).getTime() - startedAt.getTime()))
}

function shareOf({ title, done, total }: NonNullable<Job['progress']>): string {
  return total === undefined || total === 0 ? title : `${title}, ${Math.floor((done / total) * 100)} %`
}
