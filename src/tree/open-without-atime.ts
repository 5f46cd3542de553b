import { constants, openSync } from 'node:fs'
import { errnoOf } from './errors.ts'

/** Opens a path without changing its atime, where that is allowed: to its owner and to root. */
export function openWithoutAtime(path: Buffer | string, flags: number): number {
  try {
    return openSync(path, flags | constants.O_NOATIME)
  } catch (error) {
    if (errnoOf(error) !== 'EPERM') throw error
    return openSync(path, flags)
  }
}
