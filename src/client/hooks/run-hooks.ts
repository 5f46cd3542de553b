import { accessSync, constants, statSync } from 'node:fs'
import { MachineError } from '../errors.ts'
import { findProgram } from './find-program.ts'
import type { PlannedHook } from './plan-hooks.ts'
import { runInRoot, type EndedProgram } from './run-in-root.ts'

export interface RunHooksOptions {
  /** The release in the root, and the slot that it is. */
  readonly release: number
  readonly slot: string
  /** What each may take. */
  readonly seconds: number
  readonly signal?: AbortSignal | undefined
  readonly onHook?: (hook: PlannedHook, done: number) => void
}

/** What became of a hook. */
export interface RanHook extends PlannedHook {
  readonly ms: number
}

/** 10 minutes: an index of a large root takes one or two. */
export const defaultHookSeconds = 600

/**
 * Runs hooks in a finished root, one after another. Throws HOOK_FAILED at the first that fails, or whose program is not
 * there, which is found out before any runs; and HOOKS_UNAVAILABLE.
 */
export async function runHooks(
  root: string,
  hooks: readonly PlannedHook[],
  options: RunHooksOptions,
): Promise<readonly RanHook[]> {
  for (const hook of hooks) refuseMissingProgram(root, hook)
  const ran: RanHook[] = []
  for (const hook of hooks) {
    options.onHook?.(hook, ran.length)
    const started = performance.now()
    const env = {
      VEND_RELEASE: String(options.release),
      VEND_SLOT: options.slot,
      VEND_MODULE: hook.module,
      VEND_HOOK: hook.name,
    }
    const { seconds, signal } = options
    refuseFailure(hook, await runInRoot(root, hook.run, { env, seconds, signal }), seconds)
    ran.push({ ...hook, ms: performance.now() - started })
  }
  return ran
}

function refuseMissingProgram(root: string, hook: PlannedHook): void {
  const [program = ''] = hook.run
  const path = findProgram(root, program)
  if (path === undefined) throw failed(hook, `${program} is not in the new root`)
  if (!statSync(path).isFile()) throw failed(hook, `${program} is not a file in the new root`)
  try {
    accessSync(path, constants.X_OK)
  } catch (cause) {
    throw failed(hook, `${program} may not be executed`, cause)
  }
}

function refuseFailure(hook: PlannedHook, end: EndedProgram, seconds: number): void {
  if (end.code === 0 && !end.timedOut) return
  const [program = ''] = hook.run
  const what = end.timedOut
    ? `${program} had not ended after ${seconds} seconds, and was stopped`
    : `${program} ended with ${end.code ?? end.signal ?? 'nothing'}`
  const said = end.output === '' ? 'It said nothing.' : `The end of what it said:\n${end.output}`
  throw failed(hook, `${what}. ${said}`)
}

function failed({ module, name }: PlannedHook, problem: string, cause?: unknown): MachineError {
  return new MachineError('HOOK_FAILED', `the hook "${name}" of the module ${module} failed: ${problem}`, {
    hint: 'tell whoever publishes the release; this machine stays at the one it has, and the next update begins afresh',
    cause,
  })
}
