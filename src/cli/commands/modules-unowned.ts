import { encodeByteString } from '../../../manifests/fields.ts'
import { displayTreePath } from '../../../manifests/tree-path.ts'
import type { UnownedPath } from '../../modules/file-placement.ts'
import { defineCommand } from '../command.ts'
import { formatCounted } from '../format-quantity.ts'
import { checkPlanned, openPlan, planArguments, planOptions } from '../open-plan.ts'

interface Unowned {
  readonly paths: readonly UnownedPath[]
  readonly module: string | undefined
}

/** `vend modules unowned` */
export const modulesUnownedCommand = defineCommand({
  path: 'modules unowned',
  summary: 'list what in a tree is of no package and no module',
  description:
    'Lists the files, links and empty directories of a tree that no package has and that no module selects, as install ' +
    'scripts make them; with the package that alone has the directory around them, if there is one.',
  examples: ['modules unowned ./root', 'modules unowned ./root --json'],
  arguments: planArguments,
  options: planOptions,
  settings: [],
  exitCodes: ['input', 'store'],
  check: checkPlanned,
  run: async (input, context): Promise<Unowned> => {
    const { files, definitions } = await openPlan(input, context)
    return { paths: files.unowned, module: definitions.unowned }
  },
  answer: ({ paths, module }) => ({
    json: {
      module: module ?? null,
      paths: paths.map(({ path, neighbour }) => ({
        path: encodeByteString(path),
        neighbour: neighbour ?? null,
      })),
    },
    text: ({ bold }) => {
      const where = module === undefined ? '' : `; they go to ${module}`
      const head =
        paths.length === 0
          ? 'Every path is of a package or a module.'
          : `${formatCounted(paths.length, 'path')} of nobody's${where}`
      const lines = paths.map(({ path, neighbour }) => {
        const hint = neighbour === undefined ? '' : `  (in a directory of ${neighbour})`
        return `/${displayTreePath(path)}${hint}`
      })
      return [bold(head), ...lines, ''].join('\n')
    },
  }),
})
