import type { ReportsStatus } from '../../client/machine-reports.ts'
import { defineCommand } from '../command.ts'
import { openMachineReports } from '../open-machine-reports.ts'

/** `vend-client reports off` */
export const reportsOffCommand = defineCommand({
  path: 'reports off',
  summary: 'tell the repository nothing any more',
  description: 'Also forgets what this machine called itself: turned on again, it has another id.',
  examples: ['reports off'],
  arguments: {},
  options: {},
  settings: ['machine'],
  exitCodes: ['missing', 'conflict', 'store', 'damage'],
  run: async (_input, context): Promise<ReportsStatus> => {
    const reports = await openMachineReports(context)
    reports.turn('off')
    return reports.status()
  },
  answer: ({ isOn }) => ({
    json: { on: isOn },
    text: ({ bold }) => `${bold('Reports are off: nothing is sent.')}\n`,
  }),
})
