import { FilesystemStore } from '../../storage/filesystem-store.ts'
import { publishRelease } from '../../src/ingest/publish-release.ts'
import { KeyRing } from '../../src/trust/key-ring.ts'
import { FaultyStore } from './faulty-store.ts'
import { DirectoryTree } from '../../src/tree/tree-source.ts'

// A publisher as a process of its own: `crashing-publish.ts STORE KEYS TREE VERSION [MOMENT INDEX]`. It kills itself
// before or after the write of that index, and otherwise says how many writes there were.

const [root = '', keys = '', tree = '', version = '', moment = '', index = ''] = process.argv.slice(2)

let writes = 0
const store = new FaultyStore(new FilesystemStore(root), {
  onWrite: (write) => {
    writes = Math.max(writes, write.index + 1)
    if (write.moment === moment && write.index === Number(index)) process.kill(process.pid, 'SIGKILL')
  },
})

await publishRelease(
  {
    version: Number(version),
    channel: 'stable',
    modules: [{ name: 'system', tree: new DirectoryTree(tree), includes: [] }],
  },
  { store, keys: new KeyRing(keys), now: new Date(), threads: 1 },
)
process.stdout.write(`${writes}\n`)
