import { mirrorRepository } from '../../src/maintenance/mirror/mirror-repository.ts'
import { FilesystemStore } from '../../storage/filesystem-store.ts'
import { FaultyStore } from './faulty-store.ts'

// A mirror as a process of its own: `crashing-mirror.ts SOURCE DESTINATION [MOMENT INDEX]`. It kills itself before or after
// the write of that index, and otherwise says how many writes there were.

const [source = '', destination = '', moment = '', index = ''] = process.argv.slice(2)

let writes = 0
const store = new FaultyStore(new FilesystemStore(destination), {
  onWrite: (write) => {
    writes = Math.max(writes, write.index + 1)
    if (write.moment === moment && write.index === Number(index)) process.kill(process.pid, 'SIGKILL')
  },
})

const reader = new FilesystemStore(source)
await mirrorRepository({ reader, canList: true }, store, { now: () => new Date() })
process.stdout.write(`${writes}\n`)
