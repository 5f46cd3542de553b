import { existsSync } from 'node:fs'
import type { KeyChange } from '../../repository/propose-keys.ts'
import { noPassphrase, openKeyFile } from '../../trust/key-file.ts'
import { publicKeyOf, publicKeyPattern } from '../../trust/public-key.ts'
import type { Draft } from '../../trust/draft.ts'
import { defineCommand } from '../command.ts'
import { describeDraft } from '../describe-draft.ts'
import { openRepository } from '../open-repository.ts'
import { repeatableOption, requiredOption } from '../parameters.ts'
import { parseCount } from '../parse-count.ts'
import { parseLifetimes } from '../parse-lifetime.ts'
import { parseOfRole } from '../parse-role.ts'
import { writeDraft } from '../read-draft.ts'
import { parsePathText, quote } from '../setting-parsers.ts'

/** `vend keys propose` */
export const keysProposeCommand = defineCommand({
  path: 'keys propose',
  summary: 'draft a change of keys, to be signed',
  description:
    'Writes a draft of the next root, targets or both: keys added and removed, thresholds, lifetimes, another term. Nothing ' +
    'changes until enough keys have signed it ("keys sign") and it was applied ("keys apply"). Needs no key.',
  examples: [
    'keys propose --add root=keys/root-bob.pem --threshold root=2 --out draft.json',
    'keys propose --remove timestamp=1f0c9b3a --add timestamp=9d61…7f60 --out draft.json',
    'keys propose --renew root --renew targets --out draft.json',
    'keys propose --lifetime channels=3d,timestamp=1d --out draft.json',
  ],
  arguments: {},
  options: {
    add: repeatableOption(
      '--add <role=key…>',
      'a key file, or a public key in 64 hexadecimal digits',
      parseAdd,
    ),
    remove: repeatableOption(
      '--remove <role=id…>',
      'a key by its id, or the first 8 digits of it or more',
      parseRemove,
    ),
    threshold: repeatableOption('--threshold <role=number…>', 'how many keys have to sign', parseThreshold),
    lifetime: repeatableOption(
      '--lifetime <role=time…>',
      'for how long signatures of the role are good from its next one on',
      parseLifetimeChanges,
    ),
    renew: repeatableOption('--renew <role…>', 'root or targets: for another term', parseRenew),
    out: requiredOption('--out <file>', 'where to write the draft', parsePathText),
  },
  settings: ['store', 'keys'],
  exitCodes: ['missing', 'trust', 'store', 'damage'],
  check: ({ add, remove, threshold, lifetime, renew }) =>
    add.length + remove.length + threshold.length + lifetime.length + renew.length > 0
      ? []
      : ['say what is to change with --add, --remove, --threshold, --lifetime or --renew'],
  run: async (
    { add, remove, threshold, lifetime, renew, out },
    context,
  ): Promise<{ readonly draft: Draft; readonly out: string }> => {
    const { proposeKeys } = await import('../../repository/propose-keys.ts')
    const { state } = await openRepository(context)
    const { settings, now, signal } = context
    // Keys that come before those that go: a role is never without.
    const changes = [...add, ...remove, ...threshold, ...lifetime.flat(), ...renew]
    const draft = await proposeKeys(state, changes, { store: settings.store, now: now(), signal })
    writeDraft(out, draft)
    return { draft, out }
  },
  answer: ({ draft, out }) => {
    const { json, text } = describeDraft(draft)
    return {
      json: { draft: out, ...json },
      text: () => `Wrote ${out}. ${text}\nSign it where the keys are: "vend keys sign ${out} --key FILE"\n`,
    }
  },
})

function parseAdd(text: string): KeyChange {
  const { role, value } = parseOfRole(text, 'KEY')
  if (publicKeyPattern.test(value)) return { kind: 'add', role, key: publicKeyOf(value) }
  if (!existsSync(value)) throw new Error(`${quote(value)} is neither a key file nor 64 hexadecimal digits`)
  return { kind: 'add', role, key: openKeyFile(value, noPassphrase).key }
}

function parseRemove(text: string): KeyChange {
  const { role, value } = parseOfRole(text, 'ID')
  if (/^[0-9a-f]{8,64}$/.test(value)) return { kind: 'remove', role, id: value }
  throw new Error(`${quote(value)} is not a key id; write 8 to 64 of its hexadecimal digits`)
}

function parseThreshold(text: string): KeyChange {
  const { role, value } = parseOfRole(text, 'NUMBER')
  return { kind: 'threshold', role, threshold: parseCount(value) }
}

function parseLifetimeChanges(text: string): readonly KeyChange[] {
  return parseLifetimes(text).map(({ role, seconds }) => ({ kind: 'lifetime', role, seconds }))
}

function parseRenew(text: string): KeyChange {
  if (text === 'root' || text === 'targets') return { kind: 'renew', role: text }
  throw new Error(`${quote(text)} is not root or targets; "vend refresh" renews the others`)
}
