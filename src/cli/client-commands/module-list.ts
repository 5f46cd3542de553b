import type { ModuleStatus } from '../../client/module-status.ts'
import { defineCommand } from '../command.ts'
import { formatBytes, formatCount } from '../format-quantity.ts'
import { openMachine } from '../open-machine.ts'
import { formatTable } from '../table.ts'

/** `vend-client module list` */
export const moduleListCommand = defineCommand({
  path: 'module list',
  summary: "list the modules of the channel's release",
  examples: ['module list', 'module list --json'],
  arguments: {},
  options: {},
  settings: ['machine'],
  exitCodes: ['missing', 'conflict', 'unknown', 'trust', 'store', 'damage'],
  run: async (_input, context): Promise<readonly ModuleStatus[]> => {
    const machine = await openMachine(context)
    context.progress.begin('asking the repository')
    return machine.modules()
  },
  answer: (modules) => ({
    json: {
      modules: modules.map((module) => ({ ...module, description: module.description ?? null })),
    },
    text: () => formatTable(columns, modules.map(rowOf)),
  }),
})

const columns = [
  { title: 'MODULE' },
  { title: 'STATE' },
  { title: 'ENTRIES', align: 'right' },
  { title: 'CONTENT', align: 'right' },
  { title: 'INCLUDES' },
  { title: 'DESCRIPTION' },
] as const

function rowOf(module: ModuleStatus): string[] {
  return [
    module.name,
    stateOf(module),
    formatCount(module.entries),
    formatBytes(module.contentBytes),
    module.includes.join(', ') || '-',
    [...kindOf(module), module.description ?? ''].filter((text) => text !== '').join(' ') || '-',
  ]
}

/** What is unusual about it. */
function kindOf({ essential, kind }: ModuleStatus): string[] {
  return [...(essential ? ['(essential)'] : []), ...(kind === 'image' ? ['(image)'] : [])]
}

function stateOf({ wanted, installed }: ModuleStatus): string {
  if (installed) return wanted ? 'installed' : 'installed, goes with the next update'
  return wanted ? 'comes with the next update' : '-'
}
