import { spawn, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import type { TreePath } from '../../../manifests/tree-path.ts'
import { TreeReader } from '../../tree/tree-reader.ts'
import { MachineError } from '../errors.ts'
import { OutputTail } from './output-tail.ts'

/** How a program in a root ended. */
export interface EndedProgram {
  /** Undefined when a signal ended it. */
  readonly code: number | undefined
  readonly signal: string | undefined
  /** It was ended because it took too long. */
  readonly timedOut: boolean
  /** The end of what it said, on stdout and stderr. */
  readonly output: string
}

export interface RunInRootOptions {
  readonly env: Readonly<Record<string, string>>
  readonly seconds: number
  readonly signal?: AbortSignal | undefined
}

const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const outputBytes = 16_384
const outputLines = 20

/** What is mounted in the root while programs run, if it has such directories: what they write there is not kept. */
const mountPoints = ['dev', 'proc', 'run', 'tmp'] as const

/**
 * What a program would need to reach past its root, and to reach devices and the kernel. Without them it also may not look
 * through /proc at the first process of its namespace, which has the machine's root for its own.
 */
const withheld = ['sys_admin', 'sys_ptrace', 'sys_module', 'sys_rawio', 'sys_boot', 'sys_time', 'mknod']

// Runs in namespaces of its own, as their first process, which signals would mean nothing to if it were the program: $1
// is the root, $2 what to mount in it, $3 what to withhold from the program. The root comes to lie over the machine's, so
// that ".." leads out of it nowhere. The byte on descriptor 3 says that the rest is the program's affair.
const enterRoot = `
set -e
root=$1 points=$2 withheld=$3
shift 3
mount --bind "$root" "$root"
for point in $points; do
  case $point in
    proc) mount -t proc -o nosuid,nodev,noexec proc "$root/proc" ;;
    dev)
      mount -t tmpfs -o nosuid,mode=755 dev "$root/dev"
      for node in null zero full random urandom; do
        : > "$root/dev/$node"
        mount --bind "/dev/$node" "$root/dev/$node"
      done
      ln -s /proc/self/fd "$root/dev/fd"
      ;;
    *) mount -t tmpfs -o nosuid,nodev,mode=1777 "$point" "$root/$point" ;;
  esac
done
cd "$root"
mount -n --move . /
unset OLDPWD
umask 022
printf . >&3
exec 3>&-
set +e
setpriv --bounding-set "$withheld" --inh-caps "$withheld" -- chroot . "$@"
exit $?
`

/**
 * Runs a program of a root, in that root, with nothing of the machine but the kernel: namespaces of its own for mounts,
 * processes, IPC, names and network, and without root one for users; a clean environment and no input. When it ends,
 * when this process does, and when `signal` is aborted, everything that it began has ended, and nothing is mounted.
 * Throws HOOKS_UNAVAILABLE when the machine has not what that takes.
 */
export async function runInRoot(
  root: string,
  run: readonly string[],
  { env, seconds, signal }: RunInRootOptions,
): Promise<EndedProgram> {
  signal?.throwIfAborted()
  const [command = '', ...args] = commandLine(root, run)
  const child = spawn(command, args, {
    cwd: '/',
    detached: true,
    env: { PATH: searchPath, LANG: 'C.UTF-8', HOME: '/root', ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  const tail = new OutputTail(outputBytes)
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (piece: Buffer) => tail.add(piece))
  }
  const seen = { entered: false, timedOut: false }
  const entered = child.stdio[3] as Readable
  entered.on('data', () => {
    seen.entered = true
  })
  const timer = setTimeout(() => {
    seen.timedOut = true
    killAll(child)
  }, seconds * 1000)
  const stop = (): void => killAll(child)
  signal?.addEventListener('abort', stop)
  try {
    const end = await ended(child)
    signal?.throwIfAborted()
    const output = tail.text(outputLines)
    if (!seen.entered && !seen.timedOut) throw unavailable(output)
    return { ...end, timedOut: seen.timedOut, output }
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', stop)
  }
}

/** A new user namespace ends the order to die with this process: it has to come first. */
function commandLine(root: string, run: readonly string[]): string[] {
  const asRoot = process.geteuid?.() === 0 ? '' : 'unshare --user --map-root-user -- '
  const apart = '--mount --pid --ipc --uts --net --fork --kill-child --propagation private'
  const without = withheld.map((name) => `-${name}`).join(',')
  const isolated = `${asRoot}setpriv --pdeathsig KILL -- unshare ${apart} -- sh -c`
  return [...isolated.split(' '), enterRoot, 'sh', root, pointsIn(root).join(' '), without, ...run]
}

/** A link could lead a mount elsewhere. */
function pointsIn(root: string): readonly string[] {
  using reader = new TreeReader(root)
  return mountPoints.filter((name) => reader.read(name as TreePath)?.type === 'directory')
}

/** The first process of the namespace, with which all others end: `unshare` then sees that they have. */
function killAll(child: ChildProcess): void {
  const { pid } = child
  if (pid === undefined) return
  const inside = childrenOf(pid)
  for (const each of inside) killIfThere(each)
  if (inside.length === 0) child.kill('SIGKILL')
}

function childrenOf(pid: number): number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    return text
      .split(' ')
      .map(Number)
      .filter((each) => each > 0)
  } catch {
    return []
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended.
  }
}

async function ended(child: ChildProcess): Promise<Pick<EndedProgram, 'code' | 'signal'>> {
  return new Promise((resolve, reject) => {
    child.once('error', (error) => reject(unavailable(error.message)))
    child.once('close', (code, signal) => {
      // unshare ends as what it ran did; chroot says the same as a shell of one that a signal ended.
      resolve({ code: code ?? undefined, signal: signal ?? undefined })
    })
  })
}

function unavailable(why: string): MachineError {
  const hint =
    'hooks need unshare, setpriv and mount of util-linux, sh and chroot, and root or unprivileged user namespaces; ' +
    'the active root is as it was'
  return new MachineError('HOOKS_UNAVAILABLE', `hooks of the release cannot be run on this machine: ${why}`, {
    hint,
  })
}
