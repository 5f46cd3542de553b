import { resolve } from 'node:path'
import { defineCommand } from '../command.ts'
import { openMachine } from '../open-machine.ts'
import { argument } from '../parameters.ts'
import { readModuleName } from '../release-name.ts'
import { parsePathText } from '../setting-parsers.ts'
import { formatPairs } from '../table.ts'

interface SetPlaces {
  readonly module: string
  readonly a: string
  readonly b: string
}

/** `vend-client image set` */
export const imageSetCommand = defineCommand({
  path: 'image set',
  summary: 'say where the image of a module lies in each slot',
  description:
    'Names two files or block devices for the image of an image module: one goes with root a, the other with root b. Each ' +
    'update writes the one that goes with the root it builds, reads it back, and then switches both together; ' +
    'MACHINE/active/image-<module> always leads to the active one. Takes effect with the next update, and leaves what is ' +
    'where the image was before.',
  examples: [
    'image set kernel /boot/vmlinuz-a /boot/vmlinuz-b',
    'image set system /dev/disk/by-partlabel/system-a /dev/disk/by-partlabel/system-b',
  ],
  arguments: {
    module: argument('module', 'an image module', readModuleName),
    a: argument('a', 'the file or block device that goes with root a', parsePathText),
    b: argument('b', 'the file or block device that goes with root b', parsePathText),
  },
  options: {},
  settings: ['machine'],
  exitCodes: ['missing', 'conflict', 'store', 'damage'],
  run: async ({ module, a, b }, context): Promise<SetPlaces> => {
    const machine = await openMachine(context)
    const places = { a: resolve(a), b: resolve(b) }
    machine.setImagePlaces(module, places)
    return { module, ...places }
  },
  answer: ({ module, a, b }) => ({
    json: { module, a, b },
    text: ({ bold }) =>
      `${bold(`From the next update on, the image of ${module} lies at:`)}\n` +
      formatPairs([
        ['with root a', a],
        ['with root b', b],
      ]),
  }),
})
