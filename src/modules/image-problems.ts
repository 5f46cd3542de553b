import { displayTreePath } from '../../manifests/tree-path.ts'
import type { ModuleProblem } from './errors.ts'
import type { FilePlacement } from './file-placement.ts'
import type { ModuleDefinitions } from './module-definition.ts'
import type { SurveyedEntry, TreeSurvey } from './tree-survey.ts'
import { shownPaths } from './unowned-problem.ts'

/** What keeps files from being images, and what would be lost with modules that are nothing but an image. */
export function imageProblems(
  { file, modules, lineOf }: ModuleDefinitions,
  { entries }: TreeSurvey,
  { files }: FilePlacement,
): ModuleProblem[] {
  const problems: ModuleProblem[] = []
  for (const { name, image } of modules.values()) {
    if (image === undefined) continue
    const say = (message: string): void => {
      const place = `${file}:${lineOf('modules', name, 'image')}: modules.${name}.image`
      problems.push({ kind: 'image', subject: `/${displayTreePath(image)}`, message: `${place}: ${message}` })
    }
    const entry = entries.get(image)
    const unfit = entry === undefined ? undefined : whyUnfit(entry)
    if (unfit !== undefined) say(`/${displayTreePath(image)} ${unfit}`)
    const others = [...files].filter(([path, { module }]) => module === name && path !== image)
    if (others.length > 0)
      say(`${shownPaths(others.map(([path]) => path))} would be lost: an image is one file; ${wayOut}`)
  }
  return problems
}

const wayOut = 'give them to another module by "paths", or exclude them'

function whyUnfit({ type, size }: SurveyedEntry): string | undefined {
  if (type === 'symlink') return 'is a symbolic link: name the file that it leads to'
  if (type === 'hardlink') return 'is another name of a file: name the first of its names in byte order'
  if (type !== 'file') return `is a ${type}, and an image is a file`
  return size === 0 ? 'is empty, and an image has bytes' : undefined
}
