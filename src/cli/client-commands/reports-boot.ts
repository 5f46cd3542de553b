import { defineCommand } from '../command.ts'
import { openMachineReports } from '../open-machine-reports.ts'
import { argument } from '../parameters.ts'
import { quote } from '../setting-parsers.ts'

/** `vend-client reports boot` */
export const reportsBootCommand = defineCommand({
  path: 'reports boot',
  summary: 'tell the repository whether the machine came up',
  description:
    'For the service that watches that: "ok" once the machine does what it is there for, "failed" before it is rolled ' +
    'back. Sends a report of the phase boot where reports are on, and ends with 0 also where none was taken.',
  examples: ['reports boot ok', 'reports boot failed'],
  arguments: { outcome: argument('outcome', 'ok or failed', parseOutcome) },
  options: {},
  settings: ['machine'],
  exitCodes: ['missing', 'conflict', 'store', 'damage'],
  run: async ({ outcome }, context): Promise<boolean> =>
    (await openMachineReports(context)).reportBoot(outcome),
  answer: (sent) => ({
    json: { sent },
    text: () =>
      sent ? 'The repository was told.\n' : 'Nothing was sent: reports are off, or none was taken.\n',
  }),
})

function parseOutcome(text: string): 'ok' | 'failed' {
  if (text === 'ok' || text === 'failed') return text
  throw new Error(`${quote(text)} is neither ok nor failed`)
}
