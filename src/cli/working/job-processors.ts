import type { BlobStore } from '../../../storage/blob-store.ts'
import type { JobKind } from '../../jobs/job-kinds.ts'
import type { Processors } from '../../jobs/processor.ts'
import { KeyRing } from '../../trust/key-ring.ts'
import { openPlace } from '../open-mirror-source.ts'
import { passphraseSource } from '../passphrase.ts'
import type { WorkOrder } from './messages.ts'

/** The processor of one kind, and of what it needs no more than that. `opened` ends it. */
export async function jobProcessors(
  kind: JobKind,
  work: WorkOrder,
  { store, opened }: { readonly store: BlobStore; readonly opened: AsyncDisposableStack },
): Promise<Processors> {
  const keys = new KeyRing(work.keys, { passphrase: passphraseSource(work.passphraseFile) })
  const trustedRoot = keys.trustedRoot()
  const now = (): Date => new Date()
  switch (kind) {
    case 'build-pack': {
      const { buildPack } = await import('../../jobs/processors/build-pack.ts')
      return { [kind]: buildPack({ store, trustedRoot, threads: work.threads }) }
    }
    case 'verify': {
      const { verify } = await import('../../jobs/processors/verify.ts')
      return { [kind]: verify({ store, trustedRoot, now }) }
    }
    case 'collect-garbage': {
      const { collectGarbage } = await import('../../jobs/processors/collect-garbage.ts')
      return { [kind]: collectGarbage({ store, keys, now, ...work.collection }) }
    }
    case 'mirror': {
      const { mirror } = await import('../../jobs/processors/mirror.ts')
      const { sources } = work
      const openSource = async (source: string): ReturnType<typeof openPlace> =>
        openPlace(source, { env: process.env, opened })
      return { [kind]: mirror({ store, trustedRoot, sources, openSource, now }) }
    }
    case 'refresh-timestamp':
      // Where the keys are, in the worker itself.
      return {}
  }
}
