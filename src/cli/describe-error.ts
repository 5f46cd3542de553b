import { inspect } from 'node:util'
import { errorCodeOf, isKnownError } from './exit-codes.ts'

/** Ways out for errors from below, which know what failed but not what a person at a command line can do. */
const hints: ReadonlyMap<string, string> = new Map([
  ['STORE_DENIED', 'let this user write to the store, or give other credentials'],
  ['STORE_FULL', 'free some space or raise the quota, then run the same command again'],
  ['STORE_UNAVAILABLE', 'see that the store can be reached, then run the same command again'],
  ['CHUNK_CORRUPT', 'vend verify shows all that is damaged'],
  ['METADATA_INVALID', 'check that the keys are those of this repository, or restore it from a backup'],
  ['SOURCE_DAMAGED', 'fetch or make it again'],
  [
    'SOURCE_REFUSED',
    'do not trust where it came from; if you made it, docs/sources.md says what is refused and why',
  ],
  [
    'EACCES',
    'run it as a user who may do that, or name a directory of your own with --machine, --store or --keys',
  ],
  [
    'EPERM',
    'run it as a user who may do that, or name a directory of your own with --machine, --store or --keys',
  ],
  ['ENOTDIR', 'something else is where a directory is needed: move it away, or name another directory'],
  ['EROFS', 'mount that file system writable, or name a directory elsewhere'],
  ['ENOSPC', 'free some space on that file system, then run the same command again'],
])

export interface ErrorReport {
  readonly code: string
  readonly message: string
  readonly hint: string | undefined
}

export function reportOf(error: unknown): ErrorReport {
  const code = errorCodeOf(error) ?? 'UNFORESEEN'
  const message = error instanceof Error ? error.message : String(error)
  return { code, message, hint: hintOf(error) ?? hints.get(code) }
}

/** The lines that tell a person of an error; a stack only for what nobody has foreseen, and only if asked for. */
export function describeError(
  error: unknown,
  program: string,
  options: { readonly verbose: boolean },
): string {
  const { message, hint } = reportOf(error)
  const known = isKnownError(error)
  const lines = [`${program}: ${known ? '' : 'something unforeseen happened: '}${message}`]
  if (hint !== undefined) lines.push(`  hint: ${hint}`)
  if (!known)
    lines.push(options.verbose ? inspect(error) : '  hint: run it again with --verbose for the details')
  else if (options.verbose) lines.push(...causes(error))
  return `${lines.join('\n')}\n`
}

function hintOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('hint' in error)) return undefined
  return typeof error.hint === 'string' ? error.hint : undefined
}

function causes(error: unknown): string[] {
  const lines: string[] = []
  let cause = error instanceof Error ? error.cause : undefined
  while (cause instanceof Error && lines.length < 10) {
    lines.push(`  because: ${cause.message}`)
    cause = cause.cause
  }
  return lines
}
