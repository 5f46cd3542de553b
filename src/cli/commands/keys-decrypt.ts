import { rmSync } from 'node:fs'
import { defineCommand } from '../command.ts'
import { argument } from '../parameters.ts'
import { passphraseSource } from '../passphrase.ts'
import { parsePathText } from '../setting-parsers.ts'
import { UsageError } from '../usage-error.ts'

/** `vend keys decrypt` */
export const keysDecryptCommand = defineCommand({
  path: 'keys decrypt',
  summary: 'take the passphrase off a key file',
  description: 'Writes NAME.pem for NAME.key.json, which it removes.',
  examples: ['keys decrypt keys/timestamp.key.json'],
  arguments: { file: argument('file', 'the key, NAME.key.json', parsePathText) },
  options: {},
  settings: [],
  exitCodes: ['conflict', 'trust', 'store'],
  run: async ({ file }, { settings }): Promise<{ readonly path: string; readonly id: string }> => {
    const { createKeyFile, keyKindOf, keySuffixes, openKeyFile } = await import('../../trust/key-file.ts')
    const { EncryptedKey } = await import('../../trust/encrypted-key.ts')
    if (keyKindOf(file) !== 'encrypted')
      throw new UsageError([`FILE: ${file} does not end with .key.json`], '')
    const key = openKeyFile(file, passphraseSource(settings.passphraseFile))
    if (!(key instanceof EncryptedKey)) throw new TypeError(`${file} opened as another kind of key`)
    const path = file.slice(0, -keySuffixes.encrypted.length) + keySuffixes.plain
    createKeyFile(path, (await key.open()).toPem())
    rmSync(file)
    return { path, id: key.key.keyID }
  },
  answer: (result) => ({ json: { ...result }, text: () => `Decrypted into ${result.path}.\n` }),
})
