import { resolve } from 'node:path'
import type { Machine } from '../client/machine.ts'
import type { CommandContext } from './command-context.ts'
import { describeLeftMirror } from './describe-connection.ts'
import { machineProgress } from './machine-progress.ts'

/** The machine of the settings; whether there is one shows with the first call. */
export async function openMachine({ settings, signal, progress, env }: CommandContext): Promise<Machine> {
  const { Machine } = await import('../client/machine.ts')
  return new Machine(resolve(settings.machine), {
    signal,
    env,
    hookSeconds: settings.hookTimeout,
    onMirrorLeft: (left, next) => progress.note(describeLeftMirror(left, next)),
    ...machineProgress(progress),
  })
}
