import type { MachineStatus } from '../../client/machine.ts'
import type { Slot } from '../../client/machine-layout.ts'
import { defineCommand } from '../command.ts'
import { formatCounted } from '../format-quantity.ts'
import { openMachine } from '../open-machine.ts'
import { formatPairs } from '../table.ts'

const slotNames: readonly Slot[] = ['a', 'b']

/** `vend-client status` */
export const statusCommand = defineCommand({
  path: 'status',
  summary: 'say what is installed and what the machine follows',
  description: 'Reads the records of the machine. Asks no server, and works while an update is under way.',
  examples: ['status', 'status --json'],
  arguments: {},
  options: {},
  settings: ['machine'],
  exitCodes: ['missing', 'store', 'damage'],
  run: async (_input, context): Promise<MachineStatus> => (await openMachine(context)).status(),
  answer: (status) => ({
    json: {
      machine: status.directory,
      url: status.settings.url,
      channel: status.settings.channel,
      modules: status.settings.modules,
      pin: status.settings.pin ?? null,
      machineId: status.settings.machineId,
      reports: status.settings.reports !== undefined,
      active: status.active ?? null,
      release: installedOf(status)?.version ?? null,
      slots: Object.fromEntries(
        slotNames.map((slot) => {
          const record = status.slots[slot]
          const modules = record?.modules.map(({ name, digest }) => ({ name, manifest: digest }))
          const images = status.images[slot].map(({ name, place }) => ({ module: name, place }))
          const hooks = record?.hooks?.paths ?? 0
          const described = { release: record?.version, modules: modules ?? [], images, hooks }
          return [slot, record === undefined ? null : described]
        }),
      ),
    },
    text: ({ bold }) =>
      `${bold(headline(status))}\n` +
      formatPairs([
        ['machine', status.directory],
        ['repository', status.settings.url],
        ['channel', status.settings.channel],
        ...(status.settings.pin === undefined
          ? []
          : [['pinned', `to release ${status.settings.pin}`] as const]),
        ['modules', status.settings.modules === 'all' ? 'all' : status.settings.modules.join(', ')],
        ...slotNames.map((slot) => [`root ${slot}`, describeSlot(status, slot)] as const),
        ...imagePairs(status),
        ['reports', describeReports(status)],
      ]),
  }),
})

/** Where the images of the active root lie. */
function imagePairs(status: MachineStatus): (readonly [string, string])[] {
  const { active } = status
  return active === undefined ? [] : status.images[active].map(({ name, place }) => [`image ${name}`, place])
}

function installedOf({ active, slots }: MachineStatus): MachineStatus['slots'][Slot] {
  return active === undefined ? undefined : slots[active]
}

function headline(status: MachineStatus): string {
  const installed = installedOf(status)
  return installed === undefined
    ? 'Nothing is installed yet: run "vend-client update".'
    : `Release ${installed.version} is installed.`
}

function describeReports({ settings }: MachineStatus): string {
  return settings.reports === undefined ? 'off' : 'on; "vend-client reports show" tells what is sent'
}

function describeSlot({ active, slots }: MachineStatus, slot: Slot): string {
  const record = slots[slot]
  if (record === undefined) return 'empty, or not complete'
  const use = slot === active ? 'active' : 'to roll back to'
  const made =
    record.hooks === undefined ? '' : `, ${formatCounted(record.hooks.paths, 'path')} made by hooks`
  return `release ${record.version} (${record.modules.map(({ name }) => name).join(', ')}), ${use}${made}`
}
