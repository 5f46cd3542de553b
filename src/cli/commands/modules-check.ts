import type { ModuleProblem } from '../../modules/errors.ts'
import { ModulesError } from '../../modules/errors.ts'
import { defineCommand } from '../command.ts'
import { formatCounted } from '../format-quantity.ts'
import { checkPlanned, openPlan, planArguments, planOptions } from '../open-plan.ts'

interface Checked {
  readonly problems: readonly ModuleProblem[]
  readonly notes: readonly string[]
}

/** `vend modules check` */
export const modulesCheckCommand = defineCommand({
  path: 'modules check',
  summary: 'say everything that is wrong with a definition of modules',
  description:
    'Reads a modules.yaml and a tree and lists all that keeps them from going together, each with the place and the ' +
    'way out, and notes on what is allowed and may not be meant.',
  examples: ['modules check ./root', 'modules check ./root --definition server.yaml --json'],
  arguments: planArguments,
  options: planOptions,
  settings: [],
  exitCodes: ['input', 'store'],
  check: checkPlanned,
  run: async (input, context): Promise<Checked> => {
    try {
      const { problems, notes } = await openPlan(input, context)
      return { problems, notes }
    } catch (error) {
      if (error instanceof ModulesError) return { problems: error.problems, notes: [] }
      throw error
    }
  },
  answer: ({ problems, notes }) => ({
    json: {
      problems: problems.map(({ kind, subject, message }) => ({ kind, subject, message })),
      notes: [...notes],
    },
    text: ({ bold, red }) => {
      const head =
        problems.length === 0
          ? bold('Nothing is wrong.')
          : red(`${formatCounted(problems.length, 'problem')}:`)
      const lines = [...problems.map(({ message }) => message), ...notes.map((note) => `note: ${note}`)]
      return [head, ...lines, ''].join('\n')
    },
  }),
  exitCode: ({ problems }) => (problems.length === 0 ? 'ok' : 'input'),
})
