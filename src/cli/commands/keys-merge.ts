import type { Draft } from '../../trust/draft.ts'
import { defineCommand } from '../command.ts'
import { describeDraft } from '../describe-draft.ts'
import { requiredOption, variadicArgument } from '../parameters.ts'
import { readDraft, writeDraft } from '../read-draft.ts'
import { parsePathText } from '../setting-parsers.ts'

/** `vend keys merge` */
export const keysMergeCommand = defineCommand({
  path: 'keys merge',
  summary: 'bring the signatures of copies of a draft together',
  examples: ['keys merge from-alice.json from-bob.json --out draft.json'],
  arguments: {
    drafts: variadicArgument('draft', 'copies of one draft, each with other signatures', parsePathText),
  },
  options: {
    out: requiredOption('--out <file>', 'where to write the draft with all signatures', parsePathText),
  },
  settings: [],
  exitCodes: ['trust', 'store'],
  run: async ({ drafts, out }): Promise<{ readonly draft: Draft; readonly out: string }> => {
    const { mergeDrafts } = await import('../../trust/draft.ts')
    const [first, ...others] = drafts.map(readDraft)
    if (first === undefined) throw new TypeError('commander lets no command run without its arguments')
    const draft = mergeDrafts([first, ...others])
    writeDraft(out, draft)
    return { draft, out }
  },
  answer: ({ draft, out }) => {
    const { json, text } = describeDraft(draft)
    return { json: { draft: out, ...json }, text: () => `Wrote ${out}. ${text}` }
  },
})
