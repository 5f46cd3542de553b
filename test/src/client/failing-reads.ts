import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { onTestFinished } from 'vitest'

/** Has every read of the file at a path fail with EIO until the test ends, as of a block that its disk has lost. */
export function failReadsOf(path: string): void {
  const { ino } = fs.statSync(path)
  const { readSync } = fs
  const read = readSync as (fd: number, ...rest: readonly unknown[]) => number
  const failing = (fd: number, ...rest: readonly unknown[]): number => {
    if (fs.fstatSync(fd).ino !== ino) return read(fd, ...rest)
    throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO', errno: -5, syscall: 'read' })
  }
  Object.assign(fs, { readSync: failing })
  syncBuiltinESMExports()
  onTestFinished(() => {
    Object.assign(fs, { readSync })
    syncBuiltinESMExports()
  })
}
