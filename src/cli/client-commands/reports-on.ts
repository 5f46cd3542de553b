import type { ReportsStatus } from '../../client/machine-reports.ts'
import { defineCommand } from '../command.ts'
import { answerOfReports } from '../describe-reports.ts'
import { openMachineReports } from '../open-machine-reports.ts'

/** `vend-client reports on` */
export const reportsOnCommand = defineCommand({
  path: 'reports on',
  summary: 'tell the repository from now on how updates go',
  description:
    'Helps the operator to halt a bad release before it reaches every machine. Says to the byte what will be sent. ' +
    'Reports go to the repository itself, and to no mirror of it; one that is not taken changes nothing.',
  examples: ['reports on'],
  arguments: {},
  options: {},
  settings: ['machine'],
  exitCodes: ['missing', 'conflict', 'store', 'damage'],
  run: async (_input, context): Promise<ReportsStatus> => {
    const reports = await openMachineReports(context)
    reports.turn('on')
    return reports.status()
  },
  answer: answerOfReports,
})
