import { displayTreePath, isTreePath, byteStringFromText, type TreePath } from '../../manifests/tree-path.ts'
import { suggestName } from '../suggest-name.ts'
import { ModulesError } from './errors.ts'
import type { ModulePlan } from './module-plan.ts'
import { packagesNamed, type PackageReason } from './package-closure.ts'

/** Where a package or path is, and why, a step a line. */
export interface Explanation {
  readonly subject: string
  /** Undefined: in none. */
  readonly module: string | undefined
  readonly steps: readonly string[]
}

/**
 * Explains a path, which begins with `/`, or a package. Throws ModulesError (MODULES_SUBJECT_UNKNOWN) for what the tree
 * does not have.
 */
export function explain(subject: string, plan: ModulePlan): Explanation {
  return subject.startsWith('/') ? explainPath(subject, plan) : explainPackage(subject, plan)
}

function explainPackage(name: string, plan: ModulePlan): Explanation {
  const [found] = packagesNamed(name, plan.index)
  if (found === undefined) {
    throw unknown(name, `the tree has no package ${name}${suggestName(name, plan.index.names())}`)
  }
  const { id } = found
  const module = plan.packages.homes.get(id)
  const askers = plan.graph.names.filter((each) => plan.closures.get(each)?.has(id))
  if (askers.length === 0) return { subject: id, module, steps: ['no module needs it'] }
  const lowered = plan.packages.lowered.get(id)
  const told = lowered ?? (module === undefined ? askers : [module])
  const chains = told.map((asker) => `${asker}: ${chainTo(id, asker, plan).join(' → ')}`)
  const included = askers.filter((each) => !told.includes(each))
  return {
    subject: id,
    module,
    steps: [
      ...chains,
      ...(lowered === undefined
        ? []
        : [`${lowered.join(' and ')} need it, so it is in ${module}, which all of these have`]),
      ...(module === undefined ? ['and none of them includes the other'] : []),
      ...(included.length === 0 || lowered !== undefined
        ? []
        : [`${included.join(' and ')} need it too, and include ${module}`]),
    ],
  }
}

/** From what the module lists down to the package. */
function chainTo(id: string, module: string, plan: ModulePlan): string[] {
  const closure = plan.closures.get(module)
  const steps: string[] = []
  let at: string | undefined = id
  while (at !== undefined) {
    const reason: PackageReason | undefined = closure?.get(at)
    steps.unshift(reason?.kind === 'needed' && reason.relation !== at ? `${at} (for ${reason.relation})` : at)
    if (reason?.kind === 'needed') {
      at = reason.by
      continue
    }
    if (reason?.kind === 'essential') steps.unshift('essential packages')
    if (reason?.kind === 'rest') steps.unshift('packages that no module needs')
    at = undefined
  }
  return steps
}

function explainPath(subject: string, plan: ModulePlan): Explanation {
  const text = byteStringFromText(subject.replace(/^\/+/, '').replace(/\/+$/, ''))
  const path = isTreePath(text) && plan.survey.entries.has(text) ? text : undefined
  if (path === undefined) throw unknown(subject, `the tree has no ${subject}`)
  const modules = plan.files.directories.get(path)
  if (plan.survey.entries.get(path)?.type === 'directory') {
    const names = [...(modules ?? [])].sort()
    const where = names.length === 0 ? 'no module has anything in it' : `a directory in ${names.join(', ')}`
    return { subject, module: names.length === 1 ? names[0] : undefined, steps: [where] }
  }
  return { subject, module: plan.files.files.get(path)?.module, steps: stepsTo(path, plan) }
}

function stepsTo(path: TreePath, plan: ModulePlan, depth = 0): string[] {
  const placed = plan.files.files.get(path)
  const reason = placed?.reason
  const owner = plan.files.ownersOf(path)
  switch (reason?.kind) {
    case 'glob':
      return [`${plan.definitions.file}:${reason.line}: ${placed?.module} selects it by ${reason.glob}`]
    case 'package':
      return [`is of ${reason.packages.join(' and ')}`, ...reason.packages.flatMap((id) => stepsOf(id, plan))]
    case 'link':
    case 'compiled': {
      const how = reason.kind === 'link' ? 'is a link to' : 'was compiled from'
      const further = depth > 40 ? [] : stepsTo(reason.to, plan, depth + 1)
      return [`${how} /${displayTreePath(reason.to)}, and goes with it`, ...further]
    }
    case 'unowned':
      return [
        `no package and no module has it${placed?.module === undefined ? '' : `, and "unowned" says ${placed.module}`}`,
      ]
    case 'database':
      return ['is of the package manager, and "hide-packages" leaves it out']
    case 'excluded':
      return [`${plan.definitions.file}:${reason.line}: excluded by ${reason.glob}`]
    case 'left-out':
      return [`is of ${reason.packages.join(' and ')}, which no module needs`]
    case undefined:
      return owner.length === 0
        ? []
        : [`is of ${owner.join(' and ')}`, ...owner.flatMap((id) => stepsOf(id, plan))]
  }
}

function stepsOf(id: string, plan: ModulePlan): readonly string[] {
  return explainPackage(id, plan).steps
}

function unknown(subject: string, message: string): ModulesError {
  return new ModulesError('MODULES_SUBJECT_UNKNOWN', [{ kind: 'package-missing', subject, message }])
}
