import { Argument, Command as Commander, Option } from 'commander'
import type { Command, RawInput } from './command.ts'
import { exitCodes, type ExitCodeName } from './exit-codes.ts'
import { settingsTable, type Setting } from './settings-table.ts'

/** One of our two programs. */
export interface Program {
  readonly name: string
  /** What stands before its messages, where that is not its name. */
  readonly speaker?: string
  readonly summary: string
  readonly version: string
  readonly commands: readonly Command[]
  /** What `channel` is, of `channel list` and `channel set`. */
  readonly groups: Readonly<Record<string, string>>
}

/** What a command line asks for. */
export interface Invocation {
  readonly command: Command
  readonly input: RawInput
  /** Settings given by flags, by setting name. */
  readonly flags: Readonly<Record<string, string | undefined>>
  readonly config: string | undefined
  readonly json: boolean
  readonly verbose: boolean
}

/**
 * The program's commands as commander parses them. Settings and the general options may stand before or after the
 * command's name.
 */
export function buildCommandTree(
  program: Program,
  onInvocation: (invocation: Invocation) => void,
): Commander {
  const root = new Commander(program.name)
    .description(program.summary)
    .version(program.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .configureHelp({ showGlobalOptions: false })
    .enablePositionalOptions()
    .exitOverride()
    .addHelpText('after', rootHelp(program))
  for (const option of rootOptions(program)) root.addOption(option)
  for (const command of program.commands) addCommand(root, program, command, onInvocation)
  return root
}

function addCommand(
  root: Commander,
  program: Program,
  command: Command,
  onInvocation: (invocation: Invocation) => void,
): void {
  const names = command.path.split(' ')
  const leaf = parentOf(root, program, names.slice(0, -1)).command(names.at(-1) ?? '')
  leaf.summary(command.summary).description(command.description ?? command.summary)
  leaf.helpOption('-h, --help', 'print this help')
  for (const [, { name, description }] of command.arguments) leaf.addArgument(new Argument(name, description))
  const options = command.options.map(([name, parameter]) => {
    const option = new Option(parameter.flags, parameter.description)
    if (parameter.isRepeatable)
      option.argParser((text: string, texts: unknown) => [
        ...(Array.isArray(texts) ? texts.map(String) : []),
        text,
      ])
    leaf.addOption(option)
    return [name, option] as const
  })
  for (const option of settingOptions(command.settings)) leaf.addOption(option)
  for (const option of generalOptions(command.isRaw)) leaf.addOption(option)
  leaf.addHelpText('after', commandHelp(program, command))
  leaf.action(() => {
    const given = leaf.optsWithGlobals<Record<string, unknown>>()
    // What stands behind the command's name is nearer, and wins.
    const merged = { ...given, ...definedOf(leaf.opts<Record<string, unknown>>()) }
    onInvocation(invocationOf(command, leaf, options, merged))
  })
}

function invocationOf(
  command: Command,
  leaf: Commander,
  options: readonly (readonly [string, Option])[],
  given: Readonly<Record<string, unknown>>,
): Invocation {
  const fromArguments = command.arguments.map(
    ([name], i) => [name, leaf.processedArgs[i] as unknown] as const,
  )
  const fromOptions = options.map(([name, option]) => [name, given[option.attributeName()]] as const)
  const flags = Object.entries(settingFlags()).map(
    ([name, attribute]) => [name, textOf(given[attribute])] as const,
  )
  return {
    command,
    input: Object.fromEntries([...fromArguments, ...fromOptions]),
    flags: Object.fromEntries(flags),
    config: textOf(given['config']),
    json: given['json'] === true,
    verbose: given['verbose'] === true,
  }
}

function parentOf(root: Commander, program: Program, names: readonly string[]): Commander {
  let parent = root
  for (const name of names) {
    const known = parent.commands.find((command) => command.name() === name)
    parent =
      known ??
      parent
        .command(name)
        .description(program.groups[name] ?? '')
        .exitOverride()
    if (known === undefined) parent.helpOption('-h, --help', 'print this help').helpCommand(false)
  }
  return parent
}

function settingOptions(names: readonly string[]): Option[] {
  return Object.entries(settingsTable as Readonly<Record<string, Setting<unknown>>>).flatMap(
    ([name, { flag, placeholder, description, env, default: fallback }]) => {
      if (flag === undefined || !names.includes(name)) return []
      const otherwise = fallback === undefined ? '' : `, default ${fallback}`
      return new Option(`${flag} <${placeholder}>`, `${description} (${env}${otherwise})`)
    },
  )
}

function rootOptions(program: Program): Option[] {
  const used = new Set<string>(program.commands.flatMap(({ settings }) => settings))
  return [...settingOptions([...used]), ...generalOptions(false)]
}

function generalOptions(isRaw: boolean): Option[] {
  return [
    new Option('--config <FILE>', 'read settings from this file (default vend.yaml, if it is there)'),
    ...(isRaw ? [] : [new Option('--json', 'answer with one JSON document')]),
    new Option('--verbose', 'say more about what went wrong'),
  ]
}

function settingFlags(): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(settingsTable as Readonly<Record<string, Setting<unknown>>>).flatMap(([name, { flag }]) =>
      flag === undefined ? [] : [[name, new Option(`${flag} <value>`).attributeName()]],
    ),
  )
}

function commandHelp(program: Program, command: Command): string {
  const examples = command.examples.map((example) => `  ${program.name} ${example}\n`).join('')
  const names: ExitCodeName[] = ['ok', 'internal', 'usage', ...command.exitCodes, 'interrupted']
  return `\nExamples:\n${examples}\n${exitCodeHelp(names)}`
}

function rootHelp(program: Program): string {
  const isUsed = (name: string): boolean =>
    program.commands.some(({ settings }) => settings.some((one) => one === name))
  const { flag, env, key } = isUsed('store') ? settingsTable.store : settingsTable.machine
  const settings =
    `Settings come from flags, then from the environment (${env} for ${flag}, and so on), then from\n` +
    `vend.yaml in the working directory (${key}: …), then from their defaults.\n`
  return `\n${settings}\nHelp on a command: ${program.name} help COMMAND\n\n${exitCodeHelp(Object.keys(exitCodes) as ExitCodeName[])}`
}

function exitCodeHelp(names: readonly ExitCodeName[]): string {
  const lines = [...new Set(names)].map((name) => exitCodes[name])
  lines.sort((a, b) => a.code - b.code)
  return `Exit codes:\n${lines.map(({ code, meaning }) => `  ${String(code).padStart(3)}  ${meaning}\n`).join('')}`
}

function definedOf(values: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}
