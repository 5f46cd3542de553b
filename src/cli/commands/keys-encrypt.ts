import { rmSync } from 'node:fs'
import { defineCommand } from '../command.ts'
import { argument } from '../parameters.ts'
import { newPassphraseSource } from '../passphrase.ts'
import { parsePathText } from '../setting-parsers.ts'
import { UsageError } from '../usage-error.ts'

/** `vend keys encrypt` */
export const keysEncryptCommand = defineCommand({
  path: 'keys encrypt',
  summary: 'encrypt a key file with a passphrase',
  description:
    'Writes NAME.key.json for NAME.pem, opens it again to be sure of it, and removes NAME.pem. What a disk or a ' +
    'backup keeps of the removed file is not erased: make keys encrypted from the first with "keys generate --encrypt".',
  examples: ['keys encrypt keys/root.pem'],
  arguments: { file: argument('file', 'the key, NAME.pem', parsePathText) },
  options: {},
  settings: [],
  exitCodes: ['conflict', 'trust', 'store'],
  run: async ({ file }, { settings }): Promise<{ readonly path: string; readonly id: string }> => {
    const { createKeyFile, keyKindOf, keySuffixes, openKeyFile } = await import('../../trust/key-file.ts')
    const { EncryptedKey, encryptKey } = await import('../../trust/encrypted-key.ts')
    const { SigningKey } = await import('../../trust/signing-key.ts')
    if (keyKindOf(file) !== 'plain') throw new UsageError([`FILE: ${file} does not end with .pem`], '')
    const path = file.slice(0, -keySuffixes.plain.length) + keySuffixes.encrypted
    const passphrases = newPassphraseSource(settings.passphraseFile)
    const key = openKeyFile(file, passphrases)
    if (!(key instanceof SigningKey)) throw new TypeError(`${file} opened as another kind of key`)
    const passphrase = await passphrases(path)
    const text = await encryptKey(key, passphrase)
    await new EncryptedKey(text, path, async () => Promise.resolve(passphrase)).open()
    createKeyFile(path, text)
    rmSync(file)
    return { path, id: key.key.keyID }
  },
  answer: (result) => ({ json: { ...result }, text: () => `Encrypted into ${result.path}.\n` }),
})
