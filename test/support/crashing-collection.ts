import { FilesystemStore } from '../../storage/filesystem-store.ts'
import { collectGarbage } from '../../src/maintenance/gc/collect-garbage.ts'
import { KeyRing } from '../../src/trust/key-ring.ts'
import { FaultyStore } from './faulty-store.ts'

// A collector as a process of its own: `crashing-collection.ts STORE KEYS QUARANTINE [MOMENT INDEX]`. It retires all but the
// last release, kills itself before or after the write of that index, and otherwise says how many writes there were.

const [root = '', keys = '', quarantine = '', moment = '', index = ''] = process.argv.slice(2)

let writes = 0
const store = new FaultyStore(new FilesystemStore(root), {
  onWrite: (write) => {
    writes = Math.max(writes, write.index + 1)
    if (write.moment === moment && write.index === Number(index)) process.kill(process.pid, 'SIGKILL')
  },
})

await collectGarbage(
  { store, keys: new KeyRing(keys), now: new Date() },
  { policy: { keepLast: 1, pins: [] }, graceMs: 0, quarantineMs: Number(quarantine), sliceKeys: 4 },
)
process.stdout.write(`${writes}\n`)
