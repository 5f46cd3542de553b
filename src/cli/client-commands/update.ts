import { resolve } from 'node:path'
import type { CommandContext } from '../command-context.ts'
import { defineCommand } from '../command.ts'
import { answerOfUpdate, type Updated } from '../describe-update.ts'
import { openMachine } from '../open-machine.ts'

/** `vend-client update` */
export const updateCommand = defineCommand({
  path: 'update',
  summary: 'install what the channel decides on',
  description:
    'Brings the machine to the release of its channel, with the modules that it asks for: builds the other root ' +
    'beside the running one, and then switches in one step. What is missing comes in packs where the repository has them ' +
    'and they cost less than chunks, and it says which. What was changed below /etc stays. Images of image modules are ' +
    'written to the places that go with that root, and read back; then the hooks of the modules run in it, and if one ' +
    'fails nothing is switched. Where there is nothing ' +
    'to do, or the machine is not to move yet, it says so and ends with 0.',
  examples: ['update', 'update --machine ./machine', 'update --json'],
  arguments: {},
  options: {},
  settings: ['machine', 'hookTimeout'],
  exitCodes: ['missing', 'conflict', 'unknown', 'trust', 'store', 'damage', 'held', 'hook'],
  afterInterruption: 'the active root is as it was; the same command run again goes on from here',
  run: async (_input, context): Promise<Updated> => runUpdate(context),
  answer: answerOfUpdate,
})

export async function runUpdate(context: CommandContext): Promise<Updated> {
  const started = performance.now()
  const machine = await openMachine(context)
  const result = await machine.update()
  return { result, directory: resolve(context.settings.machine), ms: performance.now() - started }
}
