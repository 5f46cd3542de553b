import { KeyRing } from '../trust/key-ring.ts'
import type { CommandContext } from './command-context.ts'
import { passphraseSource } from './passphrase.ts'

/** The publisher's key directory; encrypted keys are opened with the passphrase that the person or a file says. */
export function openKeyRing({ settings }: Pick<CommandContext, 'settings'>): KeyRing {
  return new KeyRing(settings.keys, { passphrase: passphraseSource(settings.passphraseFile) })
}
