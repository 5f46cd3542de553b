import type { CommandContext } from './command-context.ts'
import type { ExitCodeName } from './exit-codes.ts'
import type { Answer } from './output.ts'
import type { ArgumentParameter, OptionParameter, ParameterValues } from './parameters.ts'
import type { SettingName } from './settings-table.ts'

type Options = Readonly<Record<string, OptionParameter<unknown>>>
type Arguments = Readonly<Record<string, ArgumentParameter<unknown>>>

/** A command: what it takes, what it does with that, and how its result is told. */
export interface CommandSpec<A extends Arguments, O extends Options, Result> {
  /** `publish`, `channel set` */
  readonly path: string
  readonly summary: string
  readonly description?: string
  readonly examples: readonly string[]
  readonly arguments: A
  readonly options: O
  /** Those that it reads, and so has flags for. */
  readonly settings: readonly SettingName[]
  /** How it can end, besides `ok`, `internal`, `usage` and `interrupted`. */
  readonly exitCodes: readonly ExitCodeName[]
  /** For what writes something else than an answer to stdout: there is no `--json`. */
  readonly isRaw?: boolean
  /** What to say about running it again after an interruption. */
  readonly afterInterruption?: string
  /** What no parameter can know alone: sentences on what contradicts what. */
  readonly check?: (input: ParameterValues<A> & ParameterValues<O>) => readonly string[]
  readonly run: (input: ParameterValues<A> & ParameterValues<O>, context: CommandContext) => Promise<Result>
  readonly answer: (result: Result) => Answer | undefined
  /** Default: `ok`. */
  readonly exitCode?: (result: Result) => ExitCodeName
}

/** A command of any input and result. */
export interface Command {
  readonly path: string
  readonly summary: string
  readonly description: string | undefined
  readonly examples: readonly string[]
  readonly arguments: readonly (readonly [string, ArgumentParameter<unknown>])[]
  readonly options: readonly (readonly [string, OptionParameter<unknown>])[]
  readonly settings: readonly SettingName[]
  readonly exitCodes: readonly ExitCodeName[]
  readonly isRaw: boolean
  readonly afterInterruption: string | undefined
  /** Reads the input; what is wrong with it goes to `problems`, and then there is nothing to run. */
  readonly prepare: (raw: RawInput, problems: string[]) => PreparedCommand | undefined
}

/** What commander collected, by parameter name. */
export type RawInput = Readonly<Record<string, unknown>>

export type PreparedCommand = (
  context: CommandContext,
) => Promise<{ readonly answer: Answer | undefined; readonly exitCode: ExitCodeName }>

export function defineCommand<A extends Arguments, O extends Options, Result>(
  spec: CommandSpec<A, O, Result>,
): Command {
  return {
    path: spec.path,
    summary: spec.summary,
    description: spec.description,
    examples: spec.examples,
    arguments: Object.entries(spec.arguments),
    options: Object.entries(spec.options),
    settings: spec.settings,
    exitCodes: spec.exitCodes,
    isRaw: spec.isRaw ?? false,
    afterInterruption: spec.afterInterruption,
    prepare: (raw, problems) => prepare(spec, raw, problems),
  }
}

function prepare<A extends Arguments, O extends Options, Result>(
  spec: CommandSpec<A, O, Result>,
  raw: RawInput,
  problems: string[],
): PreparedCommand | undefined {
  const before = problems.length
  const values: Record<string, unknown> = {}
  for (const [name, parameter] of Object.entries({ ...spec.arguments, ...spec.options })) {
    if ('isRequired' in parameter && parameter.isRequired && raw[name] === undefined) {
      problems.push(`${shown(parameter)} is missing; it is ${parameter.description}`)
      continue
    }
    try {
      values[name] = parameter.read(raw[name])
    } catch (error) {
      problems.push(`${shown(parameter)}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  const input = values as ParameterValues<A> & ParameterValues<O>
  if (problems.length === before) problems.push(...(spec.check?.(input) ?? []))
  if (problems.length > before) return undefined
  return async (context) => {
    const result = await spec.run(input, context)
    return { answer: spec.answer(result), exitCode: spec.exitCode?.(result) ?? 'ok' }
  }
}

function shown(parameter: OptionParameter<unknown> | ArgumentParameter<unknown>): string {
  if ('name' in parameter) return parameter.name.replace(/^[<[]|(?:\.\.\.)?[>\]]$/g, '').toUpperCase()
  return /--[a-z-]+/.exec(parameter.flags)?.[0] ?? parameter.flags
}
