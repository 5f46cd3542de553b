import { ModulesError } from '../../modules/errors.ts'
import type { ModulePlan, PlannedModule } from '../../modules/module-plan.ts'
import { defineCommand } from '../command.ts'
import { formatBytes, formatCount, formatCounted } from '../format-quantity.ts'
import { checkPlanned, openPlan, planArguments, planOptions } from '../open-plan.ts'
import { formatTable } from '../table.ts'

/** `vend modules plan` */
export const modulesPlanCommand = defineCommand({
  path: 'modules plan',
  summary: 'say how a tree is split into modules',
  description:
    'Reads the package database of a tree and splits the tree into the modules that a modules.yaml describes, as ' +
    'vend publish --modules does, and stores nothing. Below "lowered" are packages that a module has because several ' +
    'modules that include it need them.',
  examples: ['modules plan ./root', 'modules plan ./root.tar.zst --definition server.yaml --json'],
  arguments: planArguments,
  options: planOptions,
  settings: [],
  exitCodes: ['input', 'store'],
  check: checkPlanned,
  run: async (input, context): Promise<ModulePlan> => {
    const plan = await openPlan(input, context)
    if (plan.problems.length > 0) throw new ModulesError('MODULES_UNRESOLVED', plan.problems)
    return plan
  },
  answer: (plan) => ({
    json: {
      modules: Object.fromEntries(plan.modules.map((module) => [module.definition.name, moduleJson(module)])),
      packages: plan.index.database.format,
      unowned: plan.files.unowned.length,
      notes: [...plan.notes],
    },
    text: ({ bold }) => {
      const sum = (pick: (module: PlannedModule) => number): number =>
        plan.modules.reduce((total, module) => total + pick(module), 0)
      const total = `${formatCounted(plan.modules.length, 'module')}, ${formatCounted(
        sum(({ packages }) => packages.length),
        'package',
      )}, ${formatCount(sum(({ entries }) => entries))} entries, ${formatBytes(sum(({ bytes }) => bytes))}`
      return `${bold(total)}\n${describeModules(plan.modules)}${plan.notes.map((note) => `note: ${note}\n`).join('')}`
    },
  }),
})

function describeModules(modules: readonly PlannedModule[]): string {
  return formatTable(
    [
      { title: 'module' },
      { title: 'packages', align: 'right' },
      { title: 'lowered', align: 'right' },
      { title: 'entries', align: 'right' },
      { title: 'bytes', align: 'right' },
      { title: 'includes' },
    ],
    modules.map(({ definition, packages, lowered, entries, bytes }) => [
      definition.name + (definition.isEssential ? ' (essential)' : ''),
      formatCount(packages.length),
      formatCount(lowered.length),
      formatCount(entries),
      formatBytes(bytes),
      definition.includes.join(', '),
    ]),
  )
}

function moduleJson({ definition, packages, lowered, entries, bytes, traits }: PlannedModule): {
  readonly packages: string[]
  readonly lowered: string[]
  readonly entries: number
  readonly bytes: number
  readonly includes: string[]
  readonly optional: string[]
  readonly essential: boolean
  readonly hooks: { readonly name: string; readonly run: string[] }[]
} {
  return {
    packages: [...packages],
    lowered: [...lowered],
    entries,
    bytes,
    includes: [...definition.includes],
    optional: [...definition.optional],
    essential: definition.isEssential,
    hooks: (traits.hooks ?? []).map(({ name, run }) => ({ name, run: [...run] })),
  }
}
