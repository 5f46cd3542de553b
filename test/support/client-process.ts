import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { parseArgs } from 'node:util'

// A client in a process of its own: `client-process.ts DIRECTORY update|rollback|repair [--kill-at N --kill-on KIND]`.
// It kills itself at the N-th event of a kind, and otherwise says in JSON what came of it and how many there were.

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { 'kill-at': { type: 'string' }, 'kill-on': { type: 'string' } },
})
const [directory = '', command = ''] = positionals

const events = { phase: 0, progress: 0, change: 0 }

function meet(kind: keyof typeof events): void {
  if (++events[kind] === Number(values['kill-at']) && values['kill-on'] === kind) {
    process.kill(process.pid, 'SIGKILL')
  }
}

/** Before each call of node:fs that changes what a path leads to. */
function watchChanges(): void {
  const { renameSync, rmSync, symlinkSync, unlinkSync, mkdirSync, linkSync, fsyncSync } = fs
  const watched = { renameSync, rmSync, symlinkSync, unlinkSync, mkdirSync, linkSync, fsyncSync }
  for (const [name, call] of Object.entries(watched)) {
    const real = call as (...args: unknown[]) => unknown
    Object.assign(fs, {
      [name]: (...args: unknown[]): unknown => {
        meet('change')
        return real(...args)
      },
    })
  }
  syncBuiltinESMExports()
}

async function run(): Promise<unknown> {
  const { Machine } = await import('../../src/client/machine.ts')
  watchChanges()
  const machine = new Machine(directory, {
    onPhase: () => meet('phase'),
    onProgress: () => meet('progress'),
  })
  if (command === 'rollback') return machine.rollback()
  if (command === 'repair') return machine.verify({ repair: true })
  const { notKept, ...result } = await machine.update()
  return { ...result, notKept: Object.fromEntries(notKept) }
}

/** Of this program: what the system counts in getrusage begins with the size of whoever started it. */
function maxRssBytes(): number {
  const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(fs.readFileSync('/proc/self/status', 'utf8')) ?? []
  return Number(kib) * 1024
}

function say(answer: object): void {
  process.stdout.write(`${JSON.stringify({ ...answer, events, maxRssBytes: maxRssBytes() })}\n`)
}

try {
  say({ result: await run() })
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException
  say({ error: { code, message } })
  process.exitCode = 1
}
