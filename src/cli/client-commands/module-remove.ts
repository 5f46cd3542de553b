import { removeModules } from '../change-modules.ts'
import { defineCommand } from '../command.ts'
import { answerOfModules, changeModules, moduleChangeEnds } from '../module-change.ts'
import { flag, variadicArgument } from '../parameters.ts'
import { readModuleName } from '../release-name.ts'

/** `vend-client module remove` */
export const moduleRemoveCommand = defineCommand({
  path: 'module remove',
  summary: 'ask for modules no more',
  description:
    'Asks for modules no more, and with them for what only they include. The next update removes them. A machine that ' +
    'asks for all modules asks for those that are left by name from then on.',
  examples: ['module remove web', 'module remove web --now'],
  arguments: { names: variadicArgument('name', 'a module', readModuleName) },
  options: { now: flag('--now', 'update at once') },
  settings: ['machine', 'hookTimeout'],
  ...moduleChangeEnds,
  run: async ({ names, now }, context) => changeModules(context, { names, now, change: removeModules }),
  answer: answerOfModules,
})
