import type { AuditResult } from '../../client/machine.ts'
import { defineCommand } from '../command.ts'
import { formatBytes, formatCounted } from '../format-quantity.ts'
import { openMachine } from '../open-machine.ts'
import { formatPairs } from '../table.ts'

/** `vend-client audit` */
export const auditCommand = defineCommand({
  path: 'audit',
  summary: 'prove that this machine was shown the history that everyone is shown',
  description:
    'Asks the repository for what proves that every head of its log that this machine was shown is a prefix of the ' +
    'present one, and that the installed release is in it. What cannot be proved is an error.',
  examples: ['audit', 'audit --json'],
  arguments: {},
  options: {},
  settings: ['machine'],
  exitCodes: ['missing', 'conflict', 'unknown', 'trust', 'store', 'damage'],
  run: async (_input, context): Promise<AuditResult> => {
    const machine = await openMachine(context)
    context.progress.begin('asking the repository')
    return machine.audit()
  },
  answer: (result) => ({
    json: {
      origin: result.head.origin,
      entries: result.head.size,
      root: result.head.root,
      provedHeads: result.earlier.map(({ size }) => size),
      release: result.release?.version ?? null,
      entry: result.release?.entry ?? null,
      requests: result.requests,
      bytes: result.bytes,
    },
    text: ({ bold }) =>
      `${bold(headline(result))}\n` +
      formatPairs([
        ['log', result.head.origin],
        ['entries', String(result.head.size)],
        ['root', result.head.root],
        ['earlier heads', result.earlier.map(({ size }) => size).join(', ')],
        ['transferred', `${formatBytes(result.bytes)} in ${formatCounted(result.requests, 'request')}`],
      ]),
  }),
})

function headline({ release }: AuditResult): string {
  return release === undefined
    ? 'This machine was shown one history.'
    : `This machine was shown one history, and its release ${release.version} is entry ${release.entry} of it.`
}
