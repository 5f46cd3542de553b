import { FilesystemStore } from '../../storage/filesystem-store.ts'
import { BlobChangedError, BlobExistsError } from '../../storage/errors.ts'

// A process of its own that uses a filesystem store: `store-process.ts TASK ROOT NAME`. It says "ready" on a line of
// its own, begins when its standard input ends, and then says what came of it.

const [task = '', root = '', name = ''] = process.argv.slice(2)
const store = new FilesystemStore(root)

/** Creates what it can of 20 keys and then counts; says how many keys it got. */
async function compete(): Promise<void> {
  let won = 0
  for (let round = 0; round < 20; round += 1) {
    try {
      await store.create(`race/${round}`, Buffer.from(`${name} in ${round}`))
      won += 1
    } catch (error) {
      if (!(error instanceof BlobExistsError)) throw error
    }
  }
  await count()
  say(`${won}`)
}

/** Adds one to a counter 10 times, by reading it and replacing what was read. */
async function count(): Promise<void> {
  for (let added = 0; added < 10;) {
    const { info, stream } = await store.get('counter')
    const counted = Number(Buffer.concat((await stream.toArray()) as Uint8Array[]).toString())
    try {
      await store.replace('counter', Buffer.from(`${counted + 1}`), info.etag)
      added += 1
    } catch (error) {
      if (!(error instanceof BlobChangedError)) throw error
    }
  }
}

/** Writes 8 MiB of one byte value after the other, by every kind of write, until it is killed. */
async function writeForEver(): Promise<void> {
  for (let fill = 0; ; fill = (fill + 1) % 256) {
    const body = Buffer.alloc(8 * 1024 * 1024, fill)
    const { etag } = await store.put('k', body)
    await store.replace('k', body, etag)
    await store.delete('created')
    await store.create('created', body)
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

const tasks: Record<string, () => Promise<void>> = { compete, writeForEver }
say('ready')
for await (const _ of process.stdin);
await tasks[task]?.()
