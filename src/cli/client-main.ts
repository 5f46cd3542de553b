import type { Program } from './build-command-tree.ts'
import { checkCommand } from './client-commands/check.ts'
import { initCommand } from './client-commands/init.ts'
import { moduleAddCommand } from './client-commands/module-add.ts'
import { moduleListCommand } from './client-commands/module-list.ts'
import { moduleRemoveCommand } from './client-commands/module-remove.ts'
import { rollbackCommand } from './client-commands/rollback.ts'
import { statusCommand } from './client-commands/status.ts'
import { updateCommand } from './client-commands/update.ts'
import { verifyCommand } from './client-commands/verify.ts'
import { completionCommand } from './commands/completion.ts'
import { programVersion } from './program-version.ts'
import { runProgram } from './run-program.ts'

/** What a machine runs. */
export const clientProgram: Program = {
  name: 'vend-client',
  summary: 'Keeps this machine on the releases of a Vend repository.',
  version: programVersion(),
  groups: { module: 'list the modules, ask for more or for fewer' },
  commands: [
    initCommand,
    checkCommand,
    updateCommand,
    statusCommand,
    rollbackCommand,
    verifyCommand,
    moduleListCommand,
    moduleAddCommand,
    moduleRemoveCommand,
    completionCommand(() => clientProgram, ['completion bash > /etc/bash_completion.d/vend-client']),
  ],
}

export async function main(argv: readonly string[]): Promise<void> {
  const { stdout, stderr, env } = process
  process.exitCode = await runProgram(clientProgram, argv, { stdout, stderr, env })
}
