import { exitCodeNameOf } from './exit-codes.ts'

/** Whether trying a job again may help: the store or a process failed, or somebody else was quicker. */
export function retryHelps(error: unknown): boolean {
  const name = exitCodeNameOf(error)
  return name === 'internal' || name === 'store' || name === 'conflict'
}
