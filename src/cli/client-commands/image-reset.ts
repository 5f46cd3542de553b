import { defineCommand } from '../command.ts'
import { openMachine } from '../open-machine.ts'
import { argument } from '../parameters.ts'
import { readModuleName } from '../release-name.ts'

/** `vend-client image reset` */
export const imageResetCommand = defineCommand({
  path: 'image reset',
  summary: "keep the image of a module in the machine's directory again",
  description:
    'Forgets the places that "image set" named. The next update writes the image to images/ in the machine\'s directory.',
  examples: ['image reset kernel'],
  arguments: { module: argument('module', 'an image module', readModuleName) },
  options: {},
  settings: ['machine'],
  exitCodes: ['missing', 'conflict', 'store', 'damage'],
  run: async ({ module }, context): Promise<string> => {
    const machine = await openMachine(context)
    machine.setImagePlaces(module, undefined)
    return module
  },
  answer: (module) => ({
    json: { module },
    text: ({ bold }) =>
      `${bold(`From the next update on, the image of ${module} lies in the machine's directory.`)}\n`,
  }),
})
