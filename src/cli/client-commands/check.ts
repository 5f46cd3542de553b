import type { CheckResult } from '../../client/machine.ts'
import type { DeliveryPreview } from '../../client/preview-deliveries.ts'
import { defineCommand } from '../command.ts'
import { mirrorPairs, mirrorsJson } from '../describe-connection.ts'
import { describeStay, explainRules, isHeld, isRollback, rulePairs, rulesJson } from '../describe-update.ts'
import type { ExitCodeName } from '../exit-codes.ts'
import { formatBytes, formatCounted } from '../format-quantity.ts'
import { openMachine } from '../open-machine.ts'
import { flag } from '../parameters.ts'
import { formatPairs } from '../table.ts'

interface Checked {
  readonly result: CheckResult
  readonly explain: boolean
}

/** `vend-client check` */
export const checkCommand = defineCommand({
  path: 'check',
  summary: 'ask whether there is an update',
  description:
    'Asks the repository what an update would do, and does nothing of it. Ends with 0 when there is nothing to do, ' +
    'with 20 when there is an update, and with 10 when there is one that this machine is not to take yet. With --explain ' +
    'it lists every rule that was asked, in order, and whether it held, and the hooks that would run.',
  examples: ['check', 'check --explain', 'check --json'],
  arguments: {},
  options: { explain: flag('--explain', 'list every rule, and whether it held') },
  settings: ['machine'],
  exitCodes: ['available', 'held', 'missing', 'conflict', 'unknown', 'trust', 'store', 'damage'],
  run: async ({ explain }, context): Promise<Checked> => {
    const machine = await openMachine(context)
    context.progress.begin('asking the repository')
    return { result: await machine.check(), explain }
  },
  answer: ({ result, explain }) => ({
    json: {
      available: isAvailable(result),
      held: isHeld(result),
      installed: result.installed ?? null,
      release: result.version ?? null,
      channel: result.channel,
      modulesChange: result.modulesChange,
      rollback: isRollback(result),
      freshUntil: result.freshness.until,
      rules: rulesJson(result),
      hooks: result.hooks.map(({ module, name, run }) => ({ module, name, run: [...run] })),
      images: [...result.images],
      deliveries: result.deliveries.map(({ module, packBytes }) => ({
        module,
        packBytes: packBytes ?? null,
      })),
      mirrors: mirrorsJson(result.mirrors),
      requests: result.requests,
      bytes: result.bytes,
    },
    text: ({ bold }) =>
      `${bold(headline(result))}\n` +
      formatPairs([
        ...(explain ? explainRules(result) : rulePairs(result)),
        ...result.deliveries.map(
          (preview, i) => [i === 0 ? 'download' : '', describePreview(preview)] as const,
        ),
        ...(explain ? explainHooks(result) : []),
        ...mirrorPairs(result.mirrors),
        ['transferred', `${formatBytes(result.bytes)} in ${formatCounted(result.requests, 'request')}`],
      ]) +
      (isAvailable(result) ? '\n"vend-client update" installs it.\n' : ''),
  }),
  exitCode: ({ result }) => exitCodeOf(result),
})

function explainHooks({ hooks, images }: CheckResult): (readonly [string, string])[] {
  return [
    ...images.map((name, i) => [i === 0 ? 'images' : '', name] as const),
    ...hooks.map(
      ({ module, name, run }, i) =>
        [
          i === 0 ? 'hooks' : '',
          `${name} of ${module}: ${run.map((each) => JSON.stringify(each)).join(' ')}`,
        ] as const,
    ),
  ]
}

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
  if (isRollback(result))
    return `This machine is ordered back from release ${installed} to release ${version}.`
  if (result.move) return `There is an update: from release ${installed} to release ${version}.`
  if (modulesChange) return `Release ${installed} is to be built anew: other modules are asked for.`
  return describeStay(installed, result)
}
