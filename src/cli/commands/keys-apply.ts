import type { ApplyOutcome } from '../../repository/apply-draft.ts'
import { defineCommand } from '../command.ts'
import { openKeyRing } from '../open-key-ring.ts'
import { optionalArgument } from '../parameters.ts'
import { readDraft } from '../read-draft.ts'
import { parsePathText } from '../setting-parsers.ts'

/** `vend keys apply` */
export const keysApplyCommand = defineCommand({
  path: 'keys apply',
  summary: 'make a signed draft the repository’s',
  description:
    'Checks that enough keys have signed, stores the next root and targets, and signs anew what the old keys signed: ' +
    'the new keys of snapshot and timestamp, and of releases and channels where theirs change, have to be in the key ' +
    'directory. Keep the old ones there too until it is done, if you have them: then machines are never turned away. ' +
    'Without a draft it completes a change that ended behind its root, as when somebody else published meanwhile.',
  examples: ['keys apply draft.json', 'keys apply'],
  arguments: {
    draft: optionalArgument(
      'draft',
      'a draft with enough signatures; without one, what an earlier run left unfinished is completed',
      parsePathText,
    ),
  },
  options: {},
  settings: ['store', 'keys'],
  exitCodes: ['missing', 'conflict', 'trust', 'store', 'damage'],
  afterInterruption: 'run the same command again: it completes what is missing',
  run: async ({ draft }, context): Promise<ApplyOutcome> => {
    const { applyDraft } = await import('../../repository/apply-draft.ts')
    const { settings, now, signal } = context
    const keys = openKeyRing(context)
    const repository = { store: settings.store, keys, now: now(), signal }
    if (draft !== undefined) return applyDraft(repository, readDraft(draft))
    const { unfinishedDraft } = await import('../../repository/unfinished-draft.ts')
    const { loadState } = await import('../../repository/repository-state.ts')
    const unfinished = await unfinishedDraft(repository)
    if (unfinished !== undefined) return applyDraft(repository, unfinished)
    const state = await loadState(settings.store, { signal, trustedRoot: keys.trustedRoot() })
    return { state, renewed: [], isSeamless: true }
  },
  answer: ({ state, renewed, isSeamless }) => ({
    json: { renewed: [...renewed], root: state.root.metadata.signed.version, seamless: isSeamless },
    text: () =>
      renewed.length === 0
        ? 'All was applied already; nothing changed.\n'
        : `Applied: signed anew are ${renewed.join(', ')}. The root has version ${state.root.metadata.signed.version}.\n` +
          (isSeamless
            ? ''
            : 'Without the old keys, machines that asked in that moment were turned away; they ask again.\n'),
  }),
})
