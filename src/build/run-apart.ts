import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { BuildUser } from './build-user.ts'
import { buildPlace, packageEpoch } from './makepkg-config.ts'

export interface ApartCommand {
  /** The directory that the command finds as `buildPlace`; it runs there. */
  readonly workspace: string
  readonly command: readonly string[]
  readonly user: BuildUser
  /** Directories that it finds empty. */
  readonly hidden?: readonly string[] | undefined
  /** Default: it has none, not even to this machine. */
  readonly hasNetwork?: boolean | undefined
  /** File descriptors for what it says. */
  readonly stdout: number
  readonly stderr: number
  readonly signal?: AbortSignal | undefined
}

/** The directory in which a build finds what it depends on. */
export const sysroot = `${buildPlace}/sysroot`

const enterBuild = fileURLToPath(new URL('enter-build.sh', import.meta.url))

/** Without this one's end there is no way to begin a build at all. */
const unavailableExitCodes: ReadonlySet<number> = new Set([126, 127])

export interface ApartOutcome {
  /** Undefined when a signal ended it. */
  readonly exitCode: number | undefined
  readonly signalName: string | undefined
}

/**
 * Runs a command as the building user, without rights, in namespaces of its own: it sees a /tmp of its own with its
 * workspace in it, no other process, and no network. It and all that it started are gone when this returns. Throws
 * the signal's reason, and what starting a process throws.
 */
export async function runApart(apart: ApartCommand): Promise<ApartOutcome> {
  const { stdout, stderr, signal } = apart
  signal?.throwIfAborted()
  const [program = '', ...words] = wordsOf(apart)
  const child = spawn(program, words, { stdio: ['ignore', stdout, stderr], env: environment(), cwd: '/' })
  // Unshare does not heed SIGTERM; its end takes everything in the namespace along.
  const kill = (): boolean => child.kill('SIGKILL')
  signal?.addEventListener('abort', kill, { once: true })
  try {
    const [exitCode, signalName] = (await once(child, 'close')) as [number | null, string | null]
    signal?.throwIfAborted()
    return { exitCode: exitCode ?? undefined, signalName: signalName ?? undefined }
  } finally {
    signal?.removeEventListener('abort', kill)
  }
}

/** Whether a program that keeps builds apart was not to be found, or not to be started. */
export function isUnavailable({ exitCode }: ApartOutcome): boolean {
  return exitCode !== undefined && unavailableExitCodes.has(exitCode)
}

function wordsOf({ workspace, command, user, hidden = [], hasNetwork = false }: ApartCommand): string[] {
  const isRoot = process.getuid?.() === 0
  // Nothing goes on when this process is killed.
  const bound = ['setpriv', '--pdeathsig', 'KILL', '--']
  const apart = ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--ipc']
  if (!hasNetwork) apart.push('--net')
  if (!isRoot) apart.push('--map-root-user')
  const rights = isRoot ? 'root' : 'user'
  const entering = [enterBuild, workspace, buildPlace, String(user.uid), String(user.gid), rights, ...hidden]
  return [...bound, ...apart, '--', ...entering, '--', ...command]
}

/** Nothing of this process's own: what a build sees is what its hash says. */
function environment(): Record<string, string> {
  return {
    PATH: `/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:${sysroot}/usr/bin`,
    HOME: `${buildPlace}/home`,
    LC_ALL: 'C.UTF-8',
    TZ: 'UTC',
    SOURCE_DATE_EPOCH: String(packageEpoch),
    VEND_SYSROOT: sysroot,
    PKG_CONFIG_SYSROOT_DIR: sysroot,
    PKG_CONFIG_LIBDIR: `${sysroot}/usr/lib/pkgconfig:${sysroot}/usr/share/pkgconfig`,
    // There is no package database to ask: what a package needs has been found already.
    PACMAN: 'true',
    BUILDDIR: `${buildPlace}/build`,
    PKGDEST: `${buildPlace}/out`,
    SRCDEST: `${buildPlace}/sources`,
  }
}
