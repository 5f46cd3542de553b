import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { PackageUnavailableError } from './package-unavailable-error.ts'

const run = promisify(execFile)

export interface PackageRequest {
  readonly name: string
  readonly version: string
  /** Where its files are to lie in the tree. */
  readonly place: string
}

/**
 * Makes a tree of a published package at `tree`, once: afterwards it is there. npm fetches it, so that whatever
 * registry, proxy or cache its user has set up is used. `complete` adds the rest of the tree.
 */
export async function fetchPackage(
  { name, version, place }: PackageRequest,
  tree: string,
  options: { readonly signal: AbortSignal; readonly complete: (tree: string) => void },
): Promise<void> {
  if (existsSync(tree)) return
  mkdirSync(dirname(tree), { recursive: true })
  const scratch = mkdtempSync(`${tree}.`)
  try {
    const archive = await download(`${name}@${version}`, scratch, options.signal)
    const made = join(scratch, 'tree')
    const target = join(made, place)
    mkdirSync(target, { recursive: true })
    const words = ['-xzf', archive, '-C', target, '--strip-components=1', '--no-same-owner']
    await run('tar', words, { signal: options.signal })
    options.complete(made)
    renameSync(made, tree)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** npm's own patience is more than a minute, and someone waits. */
const soonDone = ['--fetch-retries=1', '--fetch-retry-mintimeout=1000']

async function download(what: string, directory: string, signal: AbortSignal): Promise<string> {
  const words = ['pack', what, '--prefer-offline', '--loglevel=error', ...soonDone]
  try {
    await run('npm', words, { cwd: directory, signal })
  } catch (cause) {
    signal.throwIfAborted()
    throw new PackageUnavailableError(what, reasonOf(cause), cause)
  }
  const archive = readdirSync(directory).find((name) => name.endsWith('.tgz'))
  if (archive !== undefined) return join(directory, archive)
  throw new PackageUnavailableError(what, 'npm pack left no archive')
}

/** What npm says first, which is what went wrong. */
function reasonOf(error: unknown): string {
  const { stderr, message } = error as { readonly stderr?: string; readonly message: string }
  const lines = (stderr ?? '').split('\n').flatMap((line) => /^npm error (.+)$/.exec(line)?.[1] ?? [])
  return lines.length === 0 ? (message.split('\n')[0] ?? '') : lines.slice(0, 2).join(', ')
}
