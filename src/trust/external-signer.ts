import { spawn } from 'node:child_process'
import { dirname } from 'node:path'
import { Signature, type Key } from '@tufjs/models'
import { TrustError } from './errors.ts'
import { isSignatureOf, publicKeyOf, publicKeyPattern } from './public-key.ts'
import type { Signer } from './signer.ts'

/** For a person to touch a token. */
const timeoutMs = 5 * 60 * 1000
const maxOutputBytes = 1 << 16

interface Description {
  /** The program and its arguments; it is run in the directory of the file. No shell reads it. */
  readonly command: readonly string[]
  readonly public: string
}

/**
 * A key that another program has, as a token, a PKCS #11 module or a key service does: the program reads what is to
 * be signed from stdin to its end and writes the Ed25519 signature to stdout, 128 hexadecimal digits.
 */
export class ExternalSigner implements Signer {
  readonly key: Key
  readonly path: string
  readonly #description: Description

  /** `text` is `{"command": ["sign", "--slot", "1"], "public": "<64 digits>"}`. Throws KEY_UNREADABLE. */
  constructor(text: string, path: string) {
    this.#description = parse(text, path)
    this.path = path
    this.key = publicKeyOf(this.#description.public)
  }

  async prepare(): Promise<void> {
    // Only the program knows what it needs.
  }

  async sign(data: Uint8Array): Promise<Signature> {
    const output = await this.#run(data)
    const sig = output.trim().toLowerCase()
    const isSound =
      /^[0-9a-f]{128}$/.test(sig) && isSignatureOf(this.#description.public, data, Buffer.from(sig, 'hex'))
    if (isSound) return new Signature({ keyID: this.key.keyID, sig })
    throw this.#failed('wrote something else to stdout than a signature by the key that the file names')
  }

  async #run(data: Uint8Array): Promise<string> {
    const [program = '', ...words] = this.#description.command
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    const child = spawn(program, words, { cwd: dirname(this.path), timeout: timeoutMs })
    let [stdout, stderr] = ['', '']
    const grown = (text: string, more: string): string => (text + more).slice(0, maxOutputBytes)
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout = grown(stdout, text)))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = grown(stderr, text)))
    child.once('error', (cause) => {
      reject(this.#failed('cannot be run', cause))
    })
    child.once('close', (code, signal) => {
      if (code === 0) resolve(stdout)
      else reject(this.#failed(`ended with ${signal ?? `exit code ${code}`}${said(stderr)}`))
    })
    // A program that reads nothing is judged by how it ends.
    child.stdin.on('error', () => undefined)
    child.stdin.end(data)
    return promise
  }

  #failed(problem: string, cause?: unknown): TrustError {
    const [program] = this.#description.command
    return new TrustError('SIGNER_FAILED', `the command "${program}" of ${this.path} ${problem}`, {
      hint: 'it must read the data from stdin and write an Ed25519 signature as 128 hexadecimal digits to stdout',
      cause,
    })
  }
}

function said(stderr: string): string {
  const line = stderr.trim().split('\n').at(-1) ?? ''
  return line === '' ? '' : `: ${line.slice(0, 200)}`
}

function parse(text: string, path: string): Description {
  const found = parseJson(text)
  const command = found?.command
  const isFit =
    Array.isArray(command) &&
    command.length > 0 &&
    command.every((word) => typeof word === 'string' && word !== '') &&
    typeof found?.public === 'string' &&
    publicKeyPattern.test(found.public)
  if (isFit) return found as Description
  throw new TrustError('KEY_UNREADABLE', `${path} does not describe a signing command`, {
    hint: 'it is to hold {"command": ["program", "argument", …], "public": "<64 hexadecimal digits>"}',
  })
}

function parseJson(text: string): Partial<Record<keyof Description, unknown>> | null | undefined {
  try {
    return JSON.parse(text) as Partial<Record<keyof Description, unknown>> | null
  } catch {
    return undefined
  }
}
