import type { Explanation } from '../../modules/explain.ts'
import { defineCommand } from '../command.ts'
import { checkPlanned, openPlan, planArguments, planOptions } from '../open-plan.ts'
import { variadicArgument } from '../parameters.ts'
import { parsePathText } from '../setting-parsers.ts'

/** `vend modules why` */
export const modulesWhyCommand = defineCommand({
  path: 'modules why',
  summary: 'say why a package or a path is in its module',
  description:
    'Says in which module packages and paths of a tree are, and the way there: from the module over what it lists and ' +
    'what that depends on, or over links, globs and rules. A path begins with a slash.',
  examples: ['modules why ./root libssl3', 'modules why ./root /usr/bin/pager nginx --json'],
  arguments: {
    ...planArguments,
    subjects: variadicArgument('package or path', 'a package, or a path from the root', parsePathText),
  },
  options: planOptions,
  settings: [],
  exitCodes: ['unknown', 'input', 'store'],
  check: checkPlanned,
  run: async (input, context): Promise<readonly Explanation[]> => {
    const { explain } = await import('../../modules/explain.ts')
    const plan = await openPlan(input, context)
    return input.subjects.map((subject) => explain(subject, plan))
  },
  answer: (explanations) => ({
    json: {
      answers: explanations.map(({ subject, module, steps }) => ({
        subject,
        module: module ?? null,
        steps: [...steps],
      })),
    },
    text: ({ bold }) =>
      explanations
        .map(({ subject, module, steps }) => {
          const head = bold(`${subject}: ${module ?? 'in no single module'}`)
          return [head, ...steps.map((step) => `  ${step}`), ''].join('\n')
        })
        .join(''),
  }),
})
