import { resolve } from 'node:path'
import type { MachineReports } from '../client/machine-reports.ts'
import type { CommandContext } from './command-context.ts'

/** The reports of the machine of the settings; whether there is one shows with the first call. */
export async function openMachineReports({ settings, env }: CommandContext): Promise<MachineReports> {
  const { MachineReports } = await import('../client/machine-reports.ts')
  return new MachineReports(resolve(settings.machine), env)
}
