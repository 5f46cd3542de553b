import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { getPriority, setPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { JobFailedError } from '../../jobs/errors.ts'
import type { JobResult } from '../../jobs/job.ts'
import type { JobOrder } from '../../jobs/job-order.ts'
import type { ProcessorContext } from '../../jobs/processor.ts'
import { settledWithin } from '../../jobs/settled-within.ts'
import { traceEnvironment } from '../../tracing/trace-environment.ts'
import type { Environment } from '../setting-parsers.ts'
import type { WorkMessage, WorkOrder } from './messages.ts'

const script = fileURLToPath(new URL('job-process.ts', import.meta.url))
/** After it was told to stop, before it is killed. */
const stopMs = 3000
/** The end of what a process says before it dies is enough to see why. */
const keptCharacters = 2000

export interface ApartOptions extends Omit<WorkOrder, 'order'> {
  /** All of it: the store takes its credentials from there. */
  readonly env: Environment
}

/**
 * Does jobs each in a process of its own, at a low priority and with memory and scratch of its own, so that locks are
 * renewed whatever becomes of it. Throws JobFailedError, or the signal's reason.
 */
export function runApart(
  options: ApartOptions,
): (order: JobOrder, context: ProcessorContext) => Promise<JobResult> {
  return async (order, context) => {
    const scratch = await mkdtemp(join(tmpdir(), 'vend-job-'))
    try {
      return await runProcess(order, options, { ...context, scratch })
    } finally {
      await rm(scratch, { recursive: true, force: true })
    }
  }
}

async function runProcess(
  order: JobOrder,
  { env, ...options }: ApartOptions,
  { signal, onProgress, onNote, scratch }: ProcessorContext & { readonly scratch: string },
): Promise<JobResult> {
  // No event tells of an abort that was before.
  signal.throwIfAborted()
  const child = fork(script, [], {
    execArgv: [],
    env: { ...env, ...traceEnvironment(), TMPDIR: scratch, VEND_JOB_SCRATCH: scratch },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  letOthersGoBefore(child)
  const ended = endOf(child)
  const stop = (): void => void stopSoon(child, ended)
  signal.addEventListener('abort', stop, { once: true })
  try {
    // One that is gone, or was never there, has its end told by `endOf`.
    if (child.connected) child.send({ ...options, order }, () => undefined)
    return await Promise.race([outcomeOf(child, onProgress, onNote), ended])
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', stop)
    child.kill('SIGKILL')
    await ended.catch(() => undefined)
  }
}

async function stopSoon(child: ChildProcess, ended: Promise<never>): Promise<void> {
  if (child.connected) child.send({ kind: 'stop' }, () => undefined)
  if (!(await settledWithin(ended, stopMs))) child.kill('SIGKILL')
}

/** At once, before it loads anything: threads have the priority that the thread which starts them has then. */
function letOthersGoBefore({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) setPriority(pid, Math.min(getPriority() + 10, 19))
  } catch {
    // It is gone already, and `endOf` says so.
  }
}

async function outcomeOf(
  child: ChildProcess,
  onProgress: ProcessorContext['onProgress'],
  onNote: ProcessorContext['onNote'],
): Promise<JobResult> {
  const { promise, resolve, reject } = Promise.withResolvers<JobResult>()
  child.on('message', (message: WorkMessage) => {
    if (message.kind === 'progress') onProgress(message.progress)
    else if (message.kind === 'note') onNote(message.text)
    else if (message.kind === 'done') resolve(message.result)
    else reject(new JobFailedError(message.failure.code, message.failure.message, message.failure.hint))
  })
  return promise
}

/** Never resolves; rejects when the process has ended, for whatever reason. */
async function endOf(child: ChildProcess): Promise<never> {
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-keptCharacters)
  })
  const [code, signalName] = (await once(child, 'close')) as [number | null, string | null]
  const how = `the process that does the job ended with ${signalName ?? code}`
  throw new JobFailedError('JOB_PROCESS_ENDED', `${how}${said && `: ${said.trim()}`}`)
}
