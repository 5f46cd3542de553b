import { addModules } from '../change-modules.ts'
import { defineCommand } from '../command.ts'
import { answerOfModules, changeModules, moduleChangeEnds } from '../module-change.ts'
import { flag, variadicArgument } from '../parameters.ts'
import { readModuleName } from '../release-name.ts'

/** `vend-client module add` */
export const moduleAddCommand = defineCommand({
  path: 'module add',
  summary: 'ask for more modules',
  description: 'Asks for modules of the repository, with all they include. The next update installs them.',
  examples: ['module add web', 'module add web tools --now'],
  arguments: { names: variadicArgument('name', 'a module', readModuleName) },
  options: { now: flag('--now', 'update at once') },
  settings: ['machine'],
  ...moduleChangeEnds,
  run: async ({ names, now }, context) => changeModules(context, { names, now, change: addModules }),
  answer: answerOfModules,
})
