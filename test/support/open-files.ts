import fs, { readdirSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

/** The most files that this process had open at a time while it did some work, seen whenever it opened one. */
export async function maxOpenFilesOf(work: () => Promise<unknown>): Promise<number> {
  const { openSync } = fs
  let most = 0
  let opened = 0
  fs.openSync = (...args: Parameters<typeof openSync>): number => {
    if (++opened % 50 === 0) most = Math.max(most, readdirSync('/proc/self/fd').length)
    return openSync(...args)
  }
  syncBuiltinESMExports()
  try {
    await work()
  } finally {
    fs.openSync = openSync
    syncBuiltinESMExports()
  }
  return most
}
