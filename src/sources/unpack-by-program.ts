import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { pipeline } from 'node:stream/promises'
import type { Readable, Writable } from 'node:stream'
import type { Compression } from './compression.ts'
import { SourceError } from './errors.ts'

type Child = ChildProcessByStdio<Writable, Readable, Readable>

const shownBytes = 500

/** What a program of the system makes of the bytes. Throws SourceError when it is missing or fails. */
export async function* unpackByProgram(
  input: AsyncIterable<Uint8Array>,
  {
    name,
    program: [program, ...args],
  }: Compression & { readonly program: NonNullable<Compression['program']> },
  source: string,
): AsyncGenerator<Buffer, void, undefined> {
  const child: Child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  const ended = outcomeOf(child)
  // Why the program ends early it says itself; an input that fails is told by what it was read with.
  let inputError: unknown
  const feeding = pipeline(input, child.stdin).catch((error: unknown) => {
    if (!isBrokenPipe(error)) inputError = error
  })
  try {
    for await (const piece of child.stdout) yield piece as Buffer
    await feeding
    const outcome = await ended
    if (inputError !== undefined) throw inputError as Error
    if (outcome === 'missing') throw missing(name, program, source)
    if (outcome !== undefined)
      throw new SourceError('SOURCE_DAMAGED', { source }, `${program} says: ${outcome}`)
  } finally {
    child.kill('SIGKILL')
    await ended
  }
}

/** What went wrong, or undefined when nothing did. Never rejects. */
async function outcomeOf(child: Child): Promise<string | undefined> {
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(0, shownBytes)
  })
  return new Promise((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code === 'ENOENT' ? 'missing' : error.message)
    })
    child.once('close', (code, signal) => {
      resolve(
        code === 0 ? undefined : said.trim().replaceAll(/\s*\n\s*/g, '; ') || `exit code ${code ?? signal}`,
      )
    })
  })
}

function missing(name: string, program: string, source: string): SourceError {
  const problem = `is compressed with ${name}, and there is no program "${program}" to decompress it; install it, or compress it with gzip or zstd`
  return new SourceError('SOURCE_UNSUPPORTED', { source }, problem)
}

function isBrokenPipe(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'EPIPE' || code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ECONNRESET'
}
