import type { JobKind } from '../../jobs/job-kinds.ts'
import type { JobOrder } from '../../jobs/job-order.ts'
import type { Processor, Processors } from '../../jobs/processor.ts'
import type { CommandContext } from '../command-context.ts'
import { openKeyRing } from '../open-key-ring.ts'
import { runApart } from './run-apart.ts'

/** What a worker of this program does: what computes, or takes long, in processes; what needs keys, where these are. */
export async function workerProcessors(
  context: CommandContext,
  { threads }: { readonly threads: number },
): Promise<Processors> {
  const { settings, env, now } = context
  const { gcKeepLast, gcPin, gcGrace, gcQuarantine } = settings
  const apart = runApart({
    storeUrl: settings.store.url,
    keys: settings.keys,
    passphraseFile: settings.passphraseFile,
    collection: {
      policy: { keepLast: gcKeepLast, pins: gcPin ?? [] },
      graceMs: gcGrace * 1000,
      quarantineMs: gcQuarantine * 1000,
    },
    sources: settings.mirrorSources,
    threads,
    env,
  })
  const away =
    <Kind extends JobKind>(kind: Kind): Processor<Kind> =>
    async (details, processing) =>
      apart({ kind, details } as JobOrder, processing)
  const signing = settings.refresh ? await signingProcessors(context, now) : {}
  return {
    'build-pack': away('build-pack'),
    verify: away('verify'),
    'collect-garbage': away('collect-garbage'),
    mirror: away('mirror'),
    ...signing,
  }
}

async function signingProcessors(context: CommandContext, now: () => Date): Promise<Processors> {
  const { refreshTimestamp } = await import('../../jobs/processors/refresh-timestamp.ts')
  const { store } = context.settings
  return { 'refresh-timestamp': refreshTimestamp({ store, openKeys: () => openKeyRing(context), now }) }
}
