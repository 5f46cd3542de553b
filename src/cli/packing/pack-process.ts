import { openStore } from '../../../storage/open-store.ts'
import { ensurePack } from '../../delivery/ensure-pack.ts'
import { loadState } from '../../repository/repository-state.ts'
import { Repository } from '../../repository/repository.ts'
import { errorCodeOf } from '../exit-codes.ts'
import { traceRun } from '../trace-run.ts'
import type { PackOrder, PackOutcome } from './messages.ts'

// A process that makes one pack for a server (build-pack-apart.ts), which ends it.

process.once('disconnect', () => process.exit(1))
process.once('message', (order: PackOrder) => void follow(order))

async function follow(order: PackOrder): Promise<void> {
  process.send?.(await outcomeOf(order))
}

async function outcomeOf({ storeUrl, from, to, threads }: PackOrder): Promise<PackOutcome> {
  try {
    await using tracing = await traceRun('vend', 'build-pack', process.env)
    await using opened = openStore(storeUrl, { env: process.env })
    const store = await tracing.store(opened)
    const { bytes, isNew } = await tracing.run(async () => {
      const repository = new Repository(store, await loadState(store))
      return ensurePack(store, { repository, from, to, threads })
    })
    return { kind: 'done', bytes, isNew }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return { kind: 'failed', code: errorCodeOf(error), message }
  }
}
