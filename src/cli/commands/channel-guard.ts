import { setTimeout as sleep } from 'node:timers/promises'
import { channelJson } from '../../../manifests/channel.ts'
import type { GuardOutcome, GuardRequest } from '../../reports/guard-channel.ts'
import type { KeyRing } from '../../trust/key-ring.ts'
import { defineCommand } from '../command.ts'
import type { CommandContext } from '../command-context.ts'
import { describeTrials, formatShare } from '../describe-outcomes.ts'
import { errorCodeOf, type ExitCodeName } from '../exit-codes.ts'
import { openKeyRing } from '../open-key-ring.ts'
import { argument, flag, option, repeatableOption } from '../parameters.ts'
import { parseCount } from '../parse-count.ts'
import { parseDuration } from '../parse-duration.ts'
import { parseErrorCode } from '../parse-error-code.ts'
import { parseShare } from '../parse-share.ts'
import { readChannelName } from '../release-name.ts'

const defaults = { maxRate: 0.02, confidence: 0.99, minFailures: 5, settleSeconds: 900 }
const lookMs = 30_000

interface Guarded extends GuardOutcome {
  readonly request: GuardRequest
}

/** `vend channel guard` */
export const channelGuardCommand = defineCommand({
  path: 'channel guard',
  summary: 'halt a rollout when too many machines fail',
  description:
    'Looks at what machines report of the release that the channel points to, and halts the channel when the share of ' +
    'those that fail is above the limit with the confidence asked for: of releases within the limit that share at most is ' +
    'halted wrongly, however often the guard looks (docs/operations.md, "How the guard decides"). Run it from a timer, or ' +
    'with --watch until it has halted the channel. It needs the key of the role channels.',
  examples: [
    'channel guard stable',
    'channel guard stable --max-failures 1% --watch',
    'channel guard stable --ignore SERVER_UNREACHABLE --json',
  ],
  arguments: { channel: argument('name', 'the channel', readChannelName) },
  options: {
    maxRate: option('--max-failures <share>', 'how many machines may fail (default 2%)', parseShare),
    confidence: option(
      '--confidence <share>',
      'how sure it is to be before it halts (default 99%)',
      parseShare,
    ),
    minFailures: option(
      '--min-failures <count>',
      'halt for no fewer failed machines (default 5)',
      parseCount,
    ),
    settle: option(
      '--settle <time>',
      'how long an update takes that succeeds, at most, about; younger failures do not count (default 15m)',
      parseDuration,
    ),
    ignoredCodes: repeatableOption(
      '--ignore <code>',
      'machines that failed so count neither way',
      parseErrorCode,
    ),
    watch: flag('--watch', 'look every 30 seconds until the channel is halted'),
  },
  settings: ['store', 'keys'],
  exitCodes: ['missing', 'conflict', 'unknown', 'trust', 'store', 'damage', 'halted', 'undecided'],
  afterInterruption: 'the channel is as it was, or halted: see "vend channel status"',
  run: async ({ watch, channel, ignoredCodes, ...limit }, context): Promise<Guarded> => {
    const request = {
      channel,
      ignoredCodes: new Set(ignoredCodes),
      maxRate: limit.maxRate ?? defaults.maxRate,
      confidence: limit.confidence ?? defaults.confidence,
      minFailures: limit.minFailures ?? defaults.minFailures,
      settleMinutes: Math.ceil((limit.settle ?? defaults.settleSeconds) / 60),
    }
    const keys = openKeyRing(context)
    const once = async (): Promise<Guarded> => look(request, keys, context)
    return watch ? untilHalted(once, context) : once()
  },
  answer: ({ channel, verdict, evidence, halts, request }) => ({
    json: {
      verdict,
      halts,
      ...evidence.now,
      settledFailures: evidence.settledFailures,
      maxRate: request.maxRate,
      confidence: request.confidence,
      channel: channelJson(channel),
    },
    text: ({ bold }) =>
      `${bold(headline({ channel, verdict, evidence, halts }))}\n` +
      `${describeTrials(evidence.now, request.confidence)}; ${formatShare(request.maxRate)} may\n` +
      (verdict === 'bad'
        ? `\n"vend channel status ${channel.channel}" says who failed where; "vend channel resume" goes on.\n`
        : ''),
  }),
  exitCode: ({ channel, verdict }): ExitCodeName => {
    if (verdict === 'bad' && channel.halted) return 'halted'
    return verdict === 'fine' ? 'ok' : 'undecided'
  },
})

function headline({ channel: { channel, version, halted }, verdict, halts }: GuardOutcome): string {
  if (halts) return `Channel ${channel} was halted at release ${version}: too many machines fail.`
  if (verdict === 'bad') {
    return halted
      ? `Channel ${channel} is halted already, and too many machines fail at release ${version}.`
      : `Channel ${channel} was moved to release ${version} meanwhile.`
  }
  return verdict === 'fine'
    ? `Release ${version} is within the limit.`
    : `Too few machines have reported of release ${version} to tell.`
}

async function look(
  request: GuardRequest,
  keys: KeyRing,
  { settings, now, signal }: CommandContext,
): Promise<Guarded> {
  const { guardChannel } = await import('../../reports/guard-channel.ts')
  const { store } = settings
  return { ...(await guardChannel(request, { store, keys, now: now(), signal })), request }
}

/** Failures that may pass are told and waited out: a guard that gives up guards nothing. */
async function untilHalted(
  once: () => Promise<Guarded>,
  { progress, signal }: CommandContext,
): Promise<Guarded> {
  for (let said = ''; ;) {
    try {
      const guarded = await once()
      if (guarded.channel.halted && guarded.verdict === 'bad') return guarded
      const state = headline(guarded)
      if (state !== said) progress.note(state)
      said = state
    } catch (error) {
      if (!passing.has(errorCodeOf(error) ?? '')) throw error
      progress.note(`vend: ${(error as Error).message}; looking again`)
    }
    await sleep(lookMs, undefined, { signal })
  }
}

const passing: ReadonlySet<string> = new Set(['STORE_UNAVAILABLE', 'PUBLISH_CONFLICT'])
