import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { EncryptedKey } from './encrypted-key.ts'
import { TrustError } from './errors.ts'
import { ExternalSigner } from './external-signer.ts'
import type { PassphraseSource, Signer } from './signer.ts'
import { SigningKey } from './signing-key.ts'

/** How a key file is kept, which is how its name ends. */
export type KeyKind = 'plain' | 'encrypted' | 'command'

export const keySuffixes: Readonly<Record<KeyKind, string>> = {
  plain: '.pem',
  encrypted: '.key.json',
  command: '.signer.json',
}

/** Undefined for the name of something else. */
export function keyKindOf(path: string): KeyKind | undefined {
  const kinds = Object.keys(keySuffixes) as KeyKind[]
  return kinds.find((kind) => path.endsWith(keySuffixes[kind]))
}

/** The key of a file. Reads its public half; the private one may wait. Throws KEY_MISSING and KEY_UNREADABLE. */
export function openKeyFile(path: string, passphrase: PassphraseSource): Signer {
  const text = readText(path)
  switch (keyKindOf(path)) {
    case 'encrypted':
      return new EncryptedKey(text, path, passphrase)
    case 'command':
      return new ExternalSigner(text, path)
    case 'plain':
    case undefined:
      return SigningKey.fromPem(text, path)
  }
}

/**
 * Readable by its owner only. A key that was written in part would be lost, and with it what was signed by it. Throws
 * KEY_EXISTS.
 */
export function createKeyFile(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const temporary = `${path}.tmp`
  rmSync(temporary, { force: true })
  writeFileSync(temporary, text, { mode: 0o600, flag: 'wx', flush: true })
  try {
    linkSync(temporary, path)
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause
    throw new TrustError('KEY_EXISTS', `${path} is there already`, {
      hint: 'keys are never overwritten: choose another name, or move that one away',
      cause,
    })
  } finally {
    rmSync(temporary)
  }
}

/** For where nobody can be asked. */
export async function noPassphrase(path: string): Promise<never> {
  return Promise.reject(
    new TrustError(
      'KEY_PASSPHRASE_NEEDED',
      `${path} is encrypted, and there is nobody to ask for its passphrase`,
      {
        hint: 'name a file that holds the passphrase with VEND_PASSPHRASE_FILE, or run it on a terminal',
      },
    ),
  )
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT'
    throw isMissing
      ? new TrustError('KEY_MISSING', `there is no key at ${path}`, { cause })
      : new TrustError('KEY_UNREADABLE', `the key at ${path} cannot be read`, { cause })
  }
}
