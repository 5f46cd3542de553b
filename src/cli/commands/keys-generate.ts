import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { defineCommand } from '../command.ts'
import { argument, flag, option } from '../parameters.ts'
import { parseRole } from '../parse-role.ts'
import { newPassphraseSource } from '../passphrase.ts'

interface Generated {
  readonly role: string
  readonly path: string
  readonly id: string
  readonly public: string
}

/** `vend keys generate` */
export const keysGenerateCommand = defineCommand({
  path: 'keys generate',
  summary: 'make another key of a role',
  description:
    'Makes an Ed25519 key in the key directory, which may be on any machine; it needs no repository. The repository ' +
    'knows nothing of the key until a draft names its public half.',
  examples: [
    'keys generate root --name alice --encrypt --keys /media/alice',
    'keys generate timestamp --name 2027',
  ],
  arguments: { role: argument('role', 'the role that it is to sign for', parseRole) },
  options: {
    name: option('--name <name>', 'what comes behind the role in the name of the file', parseName),
    encrypt: flag('--encrypt', 'encrypt the file with a passphrase'),
  },
  settings: ['keys'],
  exitCodes: ['conflict', 'trust', 'store'],
  run: async ({ role, name, encrypt }, { settings }): Promise<Generated> => {
    const { createKeyFile, keySuffixes } = await import('../../trust/key-file.ts')
    const { encryptKey } = await import('../../trust/encrypted-key.ts')
    const { SigningKey } = await import('../../trust/signing-key.ts')
    const suffix = keySuffixes[encrypt ? 'encrypted' : 'plain']
    const path = join(
      settings.keys,
      `${name === undefined ? freeStem(settings.keys, role) : `${role}-${name}`}${suffix}`,
    )
    const signer = SigningKey.generate()
    const text = encrypt
      ? await encryptKey(signer, await newPassphraseSource(settings.passphraseFile)(path))
      : signer.toPem()
    createKeyFile(path, text)
    return { role, path, id: signer.key.keyID, public: String(signer.key.keyVal['public']) }
  },
  answer: (result) => ({
    json: { ...result },
    text: ({ bold }) =>
      `Made a key of the role "${result.role}" in ${result.path}.\n` +
      `  id      ${result.id}\n` +
      `  public  ${bold(result.public)}\n\n` +
      `Propose it with "vend keys propose --add ${result.role}=${result.public}".\n`,
  }),
})

/** The role's name alone, or with the first number that no key has. */
function freeStem(directory: string, role: string): string {
  const isTaken = (stem: string): boolean =>
    ['.pem', '.key.json', '.signer.json'].some((suffix) => existsSync(join(directory, stem + suffix)))
  if (!isTaken(role)) return role
  let number = 2
  while (isTaken(`${role}-${number}`)) number++
  return `${role}-${number}`
}

function parseName(text: string): string {
  if (/^[a-z0-9][a-z0-9._-]{0,63}$/.test(text)) return text
  throw new Error(`${JSON.stringify(text)} is not a name; write 1 to 64 of a-z 0-9 . _ -`)
}
