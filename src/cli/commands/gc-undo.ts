import { defineCommand } from '../command.ts'
import { openKeyRing } from '../open-key-ring.ts'
import { optionalArgument } from '../parameters.ts'

/** `vend gc undo` */
export const gcUndoCommand = defineCommand({
  path: 'gc undo',
  summary: 'take back what a collection condemned and retired',
  description:
    'Lifts the sentence on what a run of "vend gc" condemned and no later one has removed yet, and lists the releases again ' +
    'that it took off the list, for which the keys of releases are needed. Without a run: the last one.',
  examples: ['gc undo', 'gc undo 20261124T033106Z-4f2a'],
  arguments: { run: optionalArgument('run', 'the run, as "vend gc" named it', (text) => text) },
  options: {},
  settings: ['store', 'keys', 'passphraseFile'],
  exitCodes: ['missing', 'conflict', 'unknown', 'trust', 'store', 'damage'],
  afterInterruption: 'run the same command again',
  run: async ({ run }, commandContext) => {
    const { settings, now, signal, progress } = commandContext
    const { undoCollection } = await import('../../maintenance/gc/undo-collection.ts')
    const context = { store: settings.store, keys: openKeyRing(commandContext), now: now(), signal }
    return undoCollection(context, run, (note) => progress.note(`vend: ${note}`))
  },
  answer: ({ run, releases }) => ({
    json: { run, releases },
    text: ({ bold }) =>
      bold(`Took back the collection ${run}.`) +
      (releases.length === 0 ? '\n' : ` Listed again: ${releases.join(', ')}.\n`),
  }),
})
