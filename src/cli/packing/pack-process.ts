import { ensurePack } from '../../delivery/ensure-pack.ts'
import { loadState } from '../../repository/repository-state.ts'
import { Repository } from '../../repository/repository.ts'
import { failureOf, type FromPackProcess, type PackOrder, type ToPackProcess } from './messages.ts'
import { ParentStore } from './parent-store.ts'

// A process that makes one pack for a server (build-pack-apart.ts) and ends.

process.once('disconnect', () => process.exit(1))

let store: ParentStore | undefined
process.on('message', (message: ToPackProcess) => {
  if (message.kind === 'order') void follow(message)
  else store?.receive(message)
})

async function follow({ storeName, from, to, threads }: PackOrder): Promise<void> {
  store = new ParentStore(storeName, (id, call) => send({ kind: 'call', id, call }))
  try {
    const repository = new Repository(store, await loadState(store))
    const { bytes, isNew } = await ensurePack(store, { repository, from, to, threads })
    send({ kind: 'done', bytes, isNew })
  } catch (error) {
    send({ kind: 'failed', failure: failureOf(error) })
  }
}

function send(message: FromPackProcess): void {
  process.send?.(message)
}
