import type { Program } from './build-command-tree.ts'
import { completionCommand } from './commands/completion.ts'
import { programVersion } from './program-version.ts'
import { runProgram } from './run-program.ts'

/** What a machine runs. */
export const clientProgram: Program = {
  name: 'vend-client',
  summary: 'Keeps this machine on the releases of a Vend repository.',
  version: programVersion(),
  groups: {},
  commands: [
    completionCommand(() => clientProgram, ['completion bash > /etc/bash_completion.d/vend-client']),
  ],
}

export async function main(argv: readonly string[]): Promise<void> {
  const { stdout, stderr, env } = process
  process.exitCode = await runProgram(clientProgram, argv, { stdout, stderr, env })
}
