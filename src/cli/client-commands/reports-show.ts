import type { ReportsStatus } from '../../client/machine-reports.ts'
import { defineCommand } from '../command.ts'
import { answerOfReports } from '../describe-reports.ts'
import { openMachineReports } from '../open-machine-reports.ts'

/** `vend-client reports show` */
export const reportsShowCommand = defineCommand({
  path: 'reports show',
  summary: 'say what is sent, or would be, to the byte',
  description: 'Reads the records of the machine, and asks no server.',
  examples: ['reports show', 'reports show --json'],
  arguments: {},
  options: {},
  settings: ['machine'],
  exitCodes: ['missing', 'store', 'damage'],
  run: async (_input, context): Promise<ReportsStatus> => (await openMachineReports(context)).status(),
  answer: answerOfReports,
})
