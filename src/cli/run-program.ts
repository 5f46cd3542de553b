import { CommanderError } from 'commander'
import { buildCommandTree, type Invocation, type Program } from './build-command-tree.ts'
import type { PreparedCommand } from './command.ts'
import { describeError, reportOf } from './describe-error.ts'
import { errorCodeOf, exitCodeNameOf, exitCodes, type ExitCodeName } from './exit-codes.ts'
import { InterruptedError } from './interrupted-error.ts'
import { writeAnswer } from './output.ts'
import { Progress } from './progress.ts'
import type { Environment } from './setting-parsers.ts'
import { findSettingsFile } from './settings-file.ts'
import { loadSettings, SettingsError } from './settings.ts'
import type { Settings } from './settings-table.ts'
import { Interruption } from './interruption.ts'
import { traceRun } from './trace-run.ts'
import { styleFor, UsedStream, writeAll, type OutputStream } from './terminal.ts'
import { UsageError } from './usage-error.ts'

export interface ProgramIo {
  readonly stdout: OutputStream & { on(event: 'error', listener: (error: Error) => void): unknown }
  readonly stderr: OutputStream
  readonly env: Environment
}

/** Runs one command line from its words to its exit code. */
export async function runProgram(program: Program, argv: readonly string[], io: ProgramIo): Promise<number> {
  let invocation: Invocation | undefined
  try {
    const tree = buildCommandTree(program, (found) => {
      invocation = found
    })
    const write = (text: string): unknown => {
      // Whoever reads help through a pipe may have read enough.
      io.stdout.on('error', () => undefined)
      return io.stdout.write(text)
    }
    const configure = (command: typeof tree): void => {
      command.configureOutput({ writeOut: write, writeErr: () => undefined, outputError: () => undefined })
      command.exitOverride()
      command.commands.forEach(configure)
    }
    configure(tree)
    await tree.parseAsync(argv, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return endParsing(error, program, argv, io)
  }
  return invocation === undefined ? exitCodes.ok.code : runInvocation(program, invocation, io)
}

function endParsing(error: CommanderError, program: Program, argv: readonly string[], io: ProgramIo): number {
  if (error.exitCode === 0) return exitCodes.ok.code
  const isBare = error.code === 'commander.help'
  const problem = isBare
    ? 'a command is missing'
    : error.message.replace(/^error: /, '').replaceAll('\n', ' ')
  const names = argv.filter((word) => /^[a-z-]+$/.test(word) && !word.startsWith('-'))
  const path = program.commands.find((command) => names.join(' ').startsWith(command.path))?.path
  const hint = helpHint(program, path)
  io.stderr.write(describeError(new UsageError([problem], hint), speakerOf(program), { verbose: false }))
  return exitCodes.usage.code
}

function helpHint({ name }: Program, path: string | undefined): string {
  // What stands before "--" is npm's own.
  const separator = name.startsWith('npm ') ? ['--'] : []
  return `see "${[name, ...(path === undefined ? [] : [path]), ...separator, '--help'].join(' ')}"`
}

function speakerOf({ name, speaker }: Program): string {
  return speaker ?? name
}

async function runInvocation(program: Program, invocation: Invocation, io: ProgramIo): Promise<number> {
  using interruption = new Interruption()
  using progress = new Progress(io.stderr)
  io.stdout.on('error', (error) => interruption.abort(error))
  const stdout = new UsedStream(io.stdout)
  try {
    const { settings, run } = await prepare(program, invocation, io.env)
    await using _store = settings.store
    const { path } = invocation.command
    await using tracing = await traceRun(program.name, path, io.env)
    const context = {
      settings: { ...settings, store: await tracing.store(settings.store) },
      signal: interruption.signal,
      now: () => new Date(),
      env: io.env,
      progress,
      asJson: invocation.json,
      stdout,
    }
    const { answer, exitCode } = await tracing.run(async () => run(context))
    progress.clear()
    if (answer !== undefined) {
      const style = styleFor(stdout, io.env)
      await writeAnswer(answer, stdout, { asJson: invocation.json, style })
    }
    return exitCodes[isPipeBroken(interruption.signal) ? 'pipe' : exitCode].code
  } catch (error) {
    progress.clear()
    return await endInFailure(error, program, invocation, {
      stdout,
      stderr: io.stderr,
      signal: interruption.signal,
    })
  }
}

/** Settings and input are checked together, so that a person learns of every mistake at once. */
async function prepare(
  program: Program,
  invocation: Invocation,
  env: Environment,
): Promise<{ readonly settings: Settings; readonly run: PreparedCommand }> {
  const problems: string[] = []
  const run = invocation.command.prepare(invocation.input, problems)
  const isUsage = problems.length > 0
  const settings = await readSettings(invocation, env, problems)
  if (run !== undefined && settings !== undefined) return { settings, run }
  const hint = helpHint(program, invocation.command.path)
  throw isUsage ? new UsageError(problems, hint) : new SettingsError(problems)
}

async function readSettings(
  { config, flags }: Invocation,
  env: Environment,
  problems: string[],
): Promise<Settings | undefined> {
  try {
    return await loadSettings({ flags, env, file: await findSettingsFile(config) })
  } catch (error) {
    if (error instanceof SettingsError) problems.push(...error.problems)
    else if (error instanceof Error && 'syscall' in error) problems.push(`--config: ${error.message}`)
    else throw error
    return undefined
  }
}

async function endInFailure(
  error: unknown,
  program: Program,
  { json, verbose, command }: Invocation,
  {
    stdout,
    stderr,
    signal,
  }: {
    readonly stdout: UsedStream
    readonly stderr: OutputStream
    readonly signal: AbortSignal
  },
): Promise<number> {
  const name = signal.aborted ? exitOfAbort(signal) : exitCodeNameOf(error)
  if (name === 'pipe') return exitCodes.pipe.code
  const told: unknown = name === 'interrupted' ? signal.reason : error
  await writeAll(stderr, describeError(told, speakerOf(program), { verbose }))
  if (name === 'interrupted' && command.afterInterruption !== undefined) {
    await writeAll(stderr, `  hint: ${command.afterInterruption}\n`)
  }
  if (json && !stdout.isUsed)
    await writeAll(stdout, `${JSON.stringify({ error: reportOf(told) }, undefined, 2)}\n`)
  return exitCodes[name].code
}

function exitOfAbort(signal: AbortSignal): ExitCodeName {
  if (signal.reason instanceof InterruptedError) return 'interrupted'
  return isPipeBroken(signal) ? 'pipe' : 'internal'
}

function isPipeBroken({ reason }: AbortSignal): boolean {
  return errorCodeOf(reason) === 'EPIPE'
}
