import { spawn } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'

/** One program with its arguments; `env` is added to the environment. */
export interface Command {
  readonly argv: readonly [string, ...string[]]
  readonly env?: Readonly<Record<string, string>>
}

/**
 * What a process and all its descendants used. CPU is user plus system time of all threads; the peak of memory is
 * the largest resident set of any one of the processes.
 */
export interface Usage {
  readonly cpuSeconds: number
  readonly wallSeconds: number
  readonly peakBytes: number
}

/** The end of what a failed program said is enough to see why it failed. */
const stderrKeptCharacters = 4000

/** Runs a command to its end, its output unread, and says what it used. `report` is a file of this function's own. */
export async function measure(command: Command, report: string): Promise<Usage> {
  await run({ ...command, argv: ['time', '-q', '-o', report, '-f', '%e %U %S %M', ...command.argv] })
  const text = await readFile(report, 'utf8')
  await rm(report)
  const [wall, user, system, peakKiB] = text.trim().split(' ').map(Number)
  if (wall === undefined || user === undefined || system === undefined || !Number.isFinite(peakKiB)) {
    throw new Error(`time reported ${JSON.stringify(text)}: is it GNU time?`)
  }
  return { cpuSeconds: user + system, wallSeconds: wall, peakBytes: Number(peakKiB) * 1024 }
}

/** Runs a command to its end; throws with the end of its standard error when it fails. */
export async function run(command: Command): Promise<void> {
  const [program, ...parameters] = command.argv
  const child = spawn(program, parameters, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...command.env },
  })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-stderrKeptCharacters)
  })
  const status = await new Promise<string>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(String(signal ?? code)))
  })
  if (status !== '0') throw new Error(`${command.argv.join(' ')} ended with ${status}:\n${stderr}`)
}
