import { addModules, addWithOptional } from '../change-modules.ts'
import { defineCommand } from '../command.ts'
import { answerOfModules, changeModules, moduleChangeEnds } from '../module-change.ts'
import { flag, negation, variadicArgument } from '../parameters.ts'
import { readModuleName } from '../release-name.ts'

/** `vend-client module add` */
export const moduleAddCommand = defineCommand({
  path: 'module add',
  summary: 'ask for more modules',
  description:
    'Asks for modules of the repository, with all they include, and with those that come along unless they are left ' +
    'out. The next update installs them.',
  examples: ['module add web', 'module add web tools --now', 'module add desktop --no-optional'],
  arguments: { names: variadicArgument('name', 'a module', readModuleName) },
  options: {
    now: flag('--now', 'update at once'),
    noOptional: negation('--no-optional', 'leave out the modules that only come along'),
  },
  settings: ['machine', 'hookTimeout'],
  ...moduleChangeEnds,
  run: async ({ names, now, noOptional }, context) =>
    changeModules(context, { names, now, change: noOptional ? addModules : addWithOptional }),
  answer: answerOfModules,
})
