import { buildCommandTree, type Program } from '../build-command-tree.ts'
import { completionScript, shells, type Shell } from '../completion-scripts.ts'
import { completionNodes } from '../completion-tree.ts'
import { defineCommand, type Command } from '../command.ts'
import { argument } from '../parameters.ts'
import { quote } from '../setting-parsers.ts'
import { writeAll } from '../terminal.ts'

/** `completion bash|zsh|fish`, of the program that `programOf` gives. */
export function completionCommand(programOf: () => Program, examples: readonly string[]): Command {
  return defineCommand({
    path: 'completion',
    summary: 'write a shell script that completes commands and options',
    examples,
    arguments: { shell: argument('shell', shells.join(', '), parseShell) },
    options: {},
    settings: [],
    exitCodes: [],
    isRaw: true,
    run: async ({ shell }, { stdout }): Promise<void> => {
      const program = programOf()
      const nodes = completionNodes(buildCommandTree(program, () => undefined))
      await writeAll(stdout, completionScript(shell, program.name, nodes))
    },
    answer: () => undefined,
  })
}

function parseShell(text: string): Shell {
  const shell = shells.find((known) => known === text)
  if (shell !== undefined) return shell
  throw new Error(`${quote(text)} is not a shell this can be done for; write one of ${shells.join(', ')}`)
}
