import { defineCommand } from '../command.ts'
import { openMachine } from '../open-machine.ts'
import { formatPairs } from '../table.ts'

interface RolledBack {
  readonly from: number | undefined
  readonly to: number
  readonly slot: string
  readonly channel: string
}

/** `vend-client rollback` */
export const rollbackCommand = defineCommand({
  path: 'rollback',
  summary: 'switch to the root that was active before',
  description:
    'Switches to the root that was active before the last update, in one step and without a download; run again it ' +
    'switches forward. The next "vend-client update" goes to the release of the channel again.',
  examples: ['rollback', 'rollback --json'],
  arguments: {},
  options: {},
  settings: ['machine'],
  exitCodes: ['missing', 'conflict', 'unknown', 'store', 'damage'],
  run: async (_input, context): Promise<RolledBack> => {
    const machine = await openMachine(context)
    return { ...machine.rollback(), channel: machine.status().settings.channel }
  },
  answer: ({ from, to, slot, channel }) => ({
    json: { from: from ?? null, release: to, slot },
    text: ({ bold }) =>
      bold(
        from === undefined || from === to
          ? `Switched to the other root, with release ${to}.`
          : `Switched from release ${from} to release ${to}.`,
      ) +
      '\n' +
      formatPairs([['root', `roots/${slot}`]]) +
      `\nThe same command switches back. "vend-client update" goes to the release of channel ${channel} again.\n`,
  }),
})
