import type { Draft } from '../../trust/draft.ts'
import { defineCommand } from '../command.ts'
import { describeDraft, shortId } from '../describe-draft.ts'
import { argument, option, requiredOption } from '../parameters.ts'
import { passphraseSource } from '../passphrase.ts'
import { readDraft, writeDraft } from '../read-draft.ts'
import { parsePathText } from '../setting-parsers.ts'

interface Signed {
  readonly draft: Draft
  readonly out: string
  readonly key: string
  readonly documents: readonly string[]
}

/** `vend keys sign` */
export const keysSignCommand = defineCommand({
  path: 'keys sign',
  summary: 'add a signature to a draft, on any machine',
  description:
    'Signs a draft with one key, and says what is being signed. Needs neither the store nor a network. A key that no ' +
    'role of the draft asks for is refused.',
  examples: [
    'keys sign draft.json --key /media/alice/root-alice.key.json',
    'keys sign draft.json --key token.signer.json --out signed.json',
  ],
  arguments: { draft: argument('draft', 'the draft that "keys propose" wrote', parsePathText) },
  options: {
    key: requiredOption(
      '--key <file>',
      'the key to sign with: .pem, .key.json or .signer.json',
      parsePathText,
    ),
    out: option(
      '--out <file>',
      'where to write the draft with the signature (default: over the draft)',
      parsePathText,
    ),
  },
  settings: [],
  exitCodes: ['trust', 'store'],
  run: async ({ draft: path, key, out = path }, { settings }): Promise<Signed> => {
    const { openKeyFile } = await import('../../trust/key-file.ts')
    const { signDraft } = await import('../../trust/draft.ts')
    const draft = readDraft(path)
    const signer = openKeyFile(key, passphraseSource(settings.passphraseFile))
    const documents = await signDraft(draft, signer)
    writeDraft(out, draft)
    return { draft, out, key: signer.key.keyID, documents }
  },
  answer: ({ draft, out, key, documents }) => {
    const { json, text } = describeDraft(draft)
    return {
      json: { draft: out, key, signed: [...documents], ...json },
      text: () => `Signed ${documents.join(' and ')} with the key ${shortId(key)} into ${out}. ${text}`,
    }
  },
})
