import { defineCommand } from '../command.ts'
import { answerOfPin, type Pinned } from '../describe-pin.ts'
import { openMachine } from '../open-machine.ts'

/** `vend-client unpin` */
export const unpinCommand = defineCommand({
  path: 'unpin',
  summary: 'let this machine follow its channel again',
  examples: ['unpin'],
  arguments: {},
  options: {},
  settings: ['machine'],
  exitCodes: ['missing', 'conflict', 'store', 'damage'],
  run: async (_input, context): Promise<Pinned> => {
    const machine = await openMachine(context)
    const before = machine.status().settings.pin
    if (before !== undefined) machine.setPin(undefined)
    return { pin: undefined, before, installed: machine.installed() }
  },
  answer: answerOfPin,
})
