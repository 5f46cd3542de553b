import type { BlobStore } from '../../../storage/blob-store.ts'
import { noteCollection } from '../../maintenance/collection-record.ts'
import { collectGarbage as collect, type CollectionOptions } from '../../maintenance/gc/collect-garbage.ts'
import type { CollectionReport } from '../../maintenance/gc/collection-report.ts'
import type { KeyRing } from '../../trust/key-ring.ts'
import type { JobProgress } from '../job.ts'
import type { Processor } from '../processor.ts'

/** What goes when is the operator's to say, not whoever's may start a collection. */
export type CollectionPolicy = Pick<CollectionOptions, 'policy' | 'graceMs' | 'quarantineMs'>

export interface CollectGarbageOptions extends CollectionPolicy {
  readonly store: BlobStore
  /** Without those of releases, snapshot and timestamp no release is retired. */
  readonly keys: KeyRing
  readonly now: () => Date
}

/** Condemns what nothing needs, and removes what was condemned for long enough. */
export function collectGarbage(options: CollectGarbageOptions): Processor<'collect-garbage'> {
  const { store, keys, now, policy, graceMs, quarantineMs } = options
  return async ({ dryRun, dropOldPacks }, { signal, onProgress, onNote }) => {
    const context = { store, keys, now: now(), signal }
    const report = await collect(context, {
      policy,
      graceMs,
      quarantineMs,
      dryRun,
      dropOldPacks,
      onNote,
      onProgress: (progress) => onProgress(progressOf(progress)),
    })
    if (!report.isDryRun) await noteCollection(store, report.swept, now(), { signal })
    for (const { key, problem } of report.failed) onNote(`${key}: ${problem}`)
    return resultOf(report)
  }
}

function progressOf(progress: Parameters<NonNullable<CollectionOptions['onProgress']>>[0]): JobProgress {
  if (progress.phase === 'reading') {
    const { releases, total } = progress
    return { title: 'reading releases', done: releases, total, unit: 'entries' }
  }
  const { objects, condemned, swept } = progress
  const detail = `${condemned} objects condemned, ${swept} removed`
  return { title: 'looking for garbage', done: objects, unit: 'entries', detail }
}

function resultOf(report: CollectionReport): Awaited<ReturnType<Processor<'collect-garbage'>>> {
  return {
    ...(report.run !== undefined && { run: report.run }),
    isDryRun: report.isDryRun,
    retired: report.retired.slice(0, 200),
    ...(report.retiredNot !== undefined && { retiredNot: report.retiredNot }),
    condemned: { ...totalOf(report.condemned) },
    removed: { ...totalOf(report.swept) },
    lostPacks: report.lostPacks.length + report.moreLostPacks,
    failures: report.failures,
  }
}

function totalOf(tally: CollectionReport['swept']): { readonly objects: number; readonly bytes: number } {
  const counts = Object.values(tally)
  return {
    objects: counts.reduce((sum, { objects }) => sum + objects, 0),
    bytes: counts.reduce((sum, { bytes }) => sum + bytes, 0),
  }
}
