import type { CheckResult } from '../../client/machine.ts'
import type { DeliveryPreview } from '../../client/preview-deliveries.ts'
import { defineCommand } from '../command.ts'
import { isHeld, rulePairs, rulesJson } from '../describe-update.ts'
import type { ExitCodeName } from '../exit-codes.ts'
import { formatBytes, formatCounted } from '../format-quantity.ts'
import { openMachine } from '../open-machine.ts'
import { formatPairs } from '../table.ts'

/** `vend-client check` */
export const checkCommand = defineCommand({
  path: 'check',
  summary: 'ask whether there is an update',
  description:
    'Asks the repository what an update would do, and does nothing of it. Ends with 0 when there is nothing to do, ' +
    'with 20 when there is an update, and with 10 when there is one that this machine is not to take yet.',
  examples: ['check', 'check --json'],
  arguments: {},
  options: {},
  settings: ['machine'],
  exitCodes: ['available', 'held', 'missing', 'conflict', 'unknown', 'trust', 'store', 'damage'],
  run: async (_input, context): Promise<CheckResult> => {
    const machine = await openMachine(context)
    context.progress.begin('asking the repository')
    return machine.check()
  },
  answer: (result) => ({
    json: {
      available: isAvailable(result),
      held: isHeld(result),
      installed: result.installed ?? null,
      release: result.version ?? null,
      channel: result.channel,
      modulesChange: result.modulesChange,
      rules: rulesJson(result),
      deliveries: result.deliveries.map(({ module, packBytes }) => ({
        module,
        packBytes: packBytes ?? null,
      })),
      requests: result.requests,
      bytes: result.bytes,
    },
    text: ({ bold }) =>
      `${bold(headline(result))}\n` +
      formatPairs([
        ...rulePairs(result),
        ...result.deliveries.map(
          (preview, i) => [i === 0 ? 'download' : '', describePreview(preview)] as const,
        ),
        ['transferred', `${formatBytes(result.bytes)} in ${formatCounted(result.requests, 'request')}`],
      ]) +
      (isAvailable(result) ? '\n"vend-client update" installs it.\n' : ''),
  }),
  exitCode: exitCodeOf,
})

function isAvailable({ move, modulesChange }: CheckResult): boolean {
  return move || modulesChange
}

function describePreview({ module, packBytes }: DeliveryPreview): string {
  return packBytes === undefined
    ? `${module}: its manifest and the chunks that are missing; there is no pack`
    : `${module}: a pack of ${formatBytes(packBytes)} at most`
}

function exitCodeOf(result: CheckResult): ExitCodeName {
  if (isAvailable(result)) return 'available'
  return isHeld(result) ? 'held' : 'ok'
}

function headline(result: CheckResult): string {
  const { version, installed, modulesChange } = result
  if (installed === undefined) return `Release ${version} is to be installed.`
  if (result.move) return `There is an update: from release ${installed} to release ${version}.`
  if (modulesChange) return `Release ${installed} is to be built anew: other modules are asked for.`
  return isHeld(result)
    ? `Release ${installed} stays: this machine may not take the channel's release yet.`
    : `Release ${installed} is installed, and there is nothing newer.`
}
