import { channelJson, reachedBy } from '../../manifests/channel.ts'
import type { ChannelOutcome } from '../repository/change-channel.ts'
import type { CommitContext } from '../repository/commit.ts'
import type { CommandContext } from './command-context.ts'
import { describeChannel } from './describe-channel.ts'
import type { ExitCodeName } from './exit-codes.ts'
import { openKeyRing } from './open-key-ring.ts'
import type { Answer } from './output.ts'
import { formatPairs } from './table.ts'

/** What a command made of a channel, and when. */
export interface ChangedChannel extends ChannelOutcome {
  readonly now: Date
}

/** How the commands that change a channel are set up, and end. */
export const channelChangeEnds = {
  settings: ['store', 'keys'],
  exitCodes: ['missing', 'conflict', 'unknown', 'trust', 'store', 'damage'],
  afterInterruption: 'see "vend channel list" for how it is now',
} as const satisfies {
  readonly settings: readonly string[]
  readonly exitCodes: readonly ExitCodeName[]
  readonly afterInterruption: string
}

/** Runs a change with the keys of the settings. */
export async function changeWith(
  context: CommandContext,
  change: (context: CommitContext) => Promise<ChannelOutcome>,
): Promise<ChangedChannel> {
  const { settings, signal } = context
  const now = context.now()
  const keys = openKeyRing(context)
  return { ...(await change({ store: settings.store, keys, now, signal })), now }
}

/** `advice`: what to do next, where there is something. */
export function answerOfChannel(
  { channel, changed, now }: ChangedChannel,
  headline: string,
  advice?: string,
): Answer {
  return {
    json: { changed, channel: channelJson(channel), fraction: reachedBy(channel, now) },
    text: ({ bold }) =>
      `${bold(changed ? headline : `Channel ${channel.channel} is like that already.`)}\n` +
      formatPairs(describeChannel(channel, now)) +
      (advice === undefined ? '' : `\n${advice}\n`),
  }
}
