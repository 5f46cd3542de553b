import { defineCommand } from '../command.ts'
import { openMachine } from '../open-machine.ts'
import { argument } from '../parameters.ts'
import { answerOfPin, type Pinned } from '../describe-pin.ts'
import { readVersion } from '../release-name.ts'

/** `vend-client pin` */
export const pinCommand = defineCommand({
  path: 'pin',
  summary: 'keep this machine from later releases',
  description:
    "Keeps this machine at a release, or lets it come up to it and no further, whatever its channel is at. The channel's " +
    'rollout is not asked for an earlier release than its own; waypoints and a halt are. A pin leads to no earlier release ' +
    'than the installed one, and keeps a machine that has just that one from being rolled back.',
  examples: ['pin 10'],
  arguments: { version: argument('version', 'the last release that it may go to', readVersion) },
  options: {},
  settings: ['machine'],
  exitCodes: ['missing', 'conflict', 'store', 'damage'],
  run: async ({ version }, context): Promise<Pinned> => {
    const machine = await openMachine(context)
    const before = machine.status().settings.pin
    if (before !== version) machine.setPin(version)
    return { pin: version, before, installed: machine.installed() }
  },
  answer: answerOfPin,
})
