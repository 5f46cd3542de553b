import { refreshExpiry } from '../../../src/repository/refresh.ts'
import { loadState } from '../../../src/repository/repository-state.ts'
import { Repository } from '../../../src/repository/repository.ts'
import { setChannel } from '../../../src/repository/set-channel.ts'
import { isTransient } from '../../../storage/backoff.ts'
import type { BlobReader } from '../../../storage/blob-store.ts'
import type { SimulatedProcess } from '../simulated-process.ts'
import type { Stage } from '../stage.ts'

/** Points channels to releases that are there, so many times. */
export async function moveChannels(stage: Stage, process: SimulatedProcess, rounds: number): Promise<void> {
  const store = stage.open(process)
  for (let round = 0; round < rounds; round++) {
    await process.sleep(process.random.below(8_000))
    const versions = await versionsIn(stage, store)
    if (versions.length === 0) continue
    const version = process.random.pick(versions)
    const channel = process.random.pick(['stable', 'beta'])
    await stage.attempt(process, { kind: 'channel', channel }, async () => {
      const context = { store, keys: stage.keys, now: process.now() }
      const { changed } = await setChannel({ channel, version }, context)
      return changed ? 'done' : 'found'
    })
  }
}

async function versionsIn(stage: Stage, store: BlobReader): Promise<readonly number[]> {
  try {
    const state = await loadState(store, { trustedRoot: stage.keys.trustedRoot() })
    return new Repository(store, state).releaseVersions()
  } catch (error) {
    if (isTransient(error)) return []
    throw error
  }
}

/** Signs anew what is signed online, so many times. */
export async function refreshAll(stage: Stage, process: SimulatedProcess, rounds: number): Promise<void> {
  const store = stage.open(process)
  for (let round = 0; round < rounds; round++) {
    await process.sleep(process.random.below(10_000))
    await stage.attempt(process, { kind: 'refresh' }, async () => {
      const context = { store, keys: stage.keys, now: process.now() }
      await refreshExpiry(context, { onlyOnline: true })
      return 'done'
    })
  }
}
