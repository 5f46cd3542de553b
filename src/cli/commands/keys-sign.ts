import type { Draft } from '../../trust/draft.ts'
import { defineCommand } from '../command.ts'
import { shortKeyId } from '../../trust/public-key.ts'
import { describeDraft } from '../describe-draft.ts'
import { argument, option, requiredOption } from '../parameters.ts'
import { passphraseSource } from '../passphrase.ts'
import { readDraft, writeDraft } from '../read-draft.ts'
import { parseTrust } from '../parse-trust.ts'
import { signersRoot } from '../signers-root.ts'
import { parsePathText } from '../setting-parsers.ts'

interface Signed {
  readonly draft: Draft
  readonly out: string
  readonly key: string
  readonly documents: readonly string[]
  /** Where the root is from that what the draft replaces follows from. */
  readonly trusted: string
}

/** `vend keys sign` */
export const keysSignCommand = defineCommand({
  path: 'keys sign',
  summary: 'add a signature to a draft, on any machine',
  description:
    'Signs a draft with one key, and says what is being signed. Needs neither the store nor a network, but the first root ' +
    'of the repository, or a later one: what the draft replaces has to follow from it. It is looked for in root.json ' +
    'beside the key, and in the key directory. A key that no role of the draft asks for is refused.',
  examples: [
    'keys sign draft.json --key /media/alice/root-alice.key.json',
    'keys sign draft.json --key token.signer.json --out signed.json',
    'keys sign draft.json --key /media/bob/root-bob.pem --root sha256:9d61…7f60',
  ],
  arguments: { draft: argument('draft', 'the draft that "keys propose" wrote', parsePathText) },
  options: {
    key: requiredOption(
      '--key <file>',
      'the key to sign with: .pem, .key.json or .signer.json',
      parsePathText,
    ),
    root: option(
      '--root <file|digest>',
      'a root of the repository that you know to be right, or its sha256:… (default: root.json beside the key)',
      parseTrust,
    ),
    out: option(
      '--out <file>',
      'where to write the draft with the signature (default: over the draft)',
      parsePathText,
    ),
  },
  settings: ['keys'],
  exitCodes: ['trust', 'store'],
  run: async ({ draft: path, key, root, out = path }, { settings }): Promise<Signed> => {
    const { openKeyFile } = await import('../../trust/key-file.ts')
    const { signDraft } = await import('../../trust/draft.ts')
    const { refuseOtherChain } = await import('../../trust/root-chain.ts')
    const draft = readDraft(path)
    const trusted = signersRoot(root, key, settings.keys)
    refuseOtherChain(draft, trusted)
    const signer = openKeyFile(key, passphraseSource(settings.passphraseFile))
    const documents = await signDraft(draft, signer)
    writeDraft(out, draft)
    return { draft, out, key: signer.key.keyID, documents, trusted: trusted.source }
  },
  answer: ({ draft, out, key, documents, trusted }) => {
    const { json, text } = describeDraft(draft)
    return {
      json: { draft: out, key, signed: [...documents], trusted, ...json },
      text: () =>
        `Signed ${documents.join(' and ')} with the key ${shortKeyId(key)} into ${out}.\nWhat it replaces follows from the root of ${trusted}. ${text}`,
    }
  },
})
