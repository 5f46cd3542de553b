import type { MachineStatus } from '../../client/machine.ts'
import { defineCommand } from '../command.ts'
import { connectionJson, connectionPairs } from '../describe-connection.ts'
import { openMachine } from '../open-machine.ts'
import { formatPairs } from '../table.ts'

/** `vend-client connection show` */
export const connectionShowCommand = defineCommand({
  path: 'connection show',
  summary: 'say how the repository is reached',
  description: "Says which servers are asked, in their order, and how. A proxy's password is not shown.",
  examples: ['connection show', 'connection show --json'],
  arguments: {},
  options: {},
  settings: ['machine'],
  exitCodes: ['missing', 'store', 'damage'],
  run: async (_input, context): Promise<MachineStatus['settings']> =>
    (await openMachine(context)).status().settings,
  answer: ({ url, connection = {} }) => ({
    json: { url, ...connectionJson(connection) },
    text: () => formatPairs([['repository', url], ...connectionPairs(connection)]),
  }),
})
