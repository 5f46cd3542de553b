import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { TrustError } from '../trust/errors.ts'
import { noPassphrase } from '../trust/key-file.ts'
import type { PassphraseSource } from '../trust/signer.ts'

/** From the file, or else from the person at the terminal; without both KEY_PASSPHRASE_NEEDED. */
export function passphraseSource(file: string | undefined): PassphraseSource {
  if (file !== undefined) return async () => readPassphrase(file)
  if (!process.stdin.isTTY) return noPassphrase
  return async (path) => ask(`Passphrase of ${path}: `)
}

/** For a key that is to be encrypted: a person types it twice. */
export function newPassphraseSource(file: string | undefined): PassphraseSource {
  if (file !== undefined || !process.stdin.isTTY) return passphraseSource(file)
  return async (path) => {
    const passphrase = await ask(`New passphrase of ${path}: `)
    if ((await ask('The same once more: ')) === passphrase && passphrase !== '') return passphrase
    throw new TrustError('KEY_PASSPHRASE_WRONG', 'no passphrase was given, or not the same one twice', {
      hint: 'run the same command again',
    })
  }
}

/** The file's first line. */
async function readPassphrase(file: string): Promise<string> {
  const [line = ''] = readFileSync(file, 'utf8').split(/\r?\n/)
  if (line !== '') return line
  throw new TrustError('KEY_PASSPHRASE_NEEDED', `the first line of ${file} is empty`, {
    hint: 'VEND_PASSPHRASE_FILE names a file whose first line is the passphrase',
  })
}

/** What is typed is not shown. The question goes to stderr: stdout is for the answer. */
async function ask(question: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const silent = new Writable({
    write: (_bytes, _encoding, done) => {
      done()
    },
  })
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true })
  lines.once('line', resolve)
  lines.once('SIGINT', () => {
    // A terminal that does not echo sends no signal either.
    process.emit('SIGINT', 'SIGINT')
    lines.close()
  })
  lines.once('close', () => {
    reject(new TrustError('KEY_PASSPHRASE_NEEDED', 'no passphrase was typed'))
  })
  process.stderr.write(question)
  try {
    return await promise
  } finally {
    lines.removeAllListeners('close')
    lines.close()
    process.stderr.write('\n')
  }
}
