import type { Command as Commander } from 'commander'

/** A command as completion sees it. */
export interface CompletionNode {
  /** The words that lead to it, without the program's name: empty, `publish`, `channel set`. */
  readonly path: string
  readonly commands: readonly CompletionWord[]
  readonly options: readonly CompletionOption[]
  /** Whether arguments follow that are often file names. */
  readonly takesArguments: boolean
}

export interface CompletionWord {
  readonly name: string
  readonly summary: string
}

export interface CompletionOption {
  /** `--recursive`, `-R` */
  readonly names: readonly string[]
  readonly summary: string
  readonly takesValue: boolean
}

/** Every command of the tree, the program itself first. */
export function completionNodes(command: Commander, path = ''): CompletionNode[] {
  const visible = command.createHelp().visibleCommands(command)
  const node: CompletionNode = {
    path,
    commands: visible.map((child) => ({
      name: child.name(),
      summary: child.summary() || child.description(),
    })),
    options: command
      .createHelp()
      .visibleOptions(command)
      .map(({ short, long, description, required }) => ({
        names: [long, short].filter((name) => name !== undefined),
        summary: description,
        takesValue: required,
      })),
    takesArguments: command.registeredArguments.length > 0,
  }
  const children = command.commands.flatMap((child) =>
    completionNodes(child, `${path} ${child.name()}`.trim()),
  )
  return [node, ...children]
}
